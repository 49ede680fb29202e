import { expect, it } from 'vitest'
import { requestClientToken } from '../../../../../src/infra/kafka/client/oauth-client.ts'

const client = { id: 'worker', secret: 'hidden-word' }

it.each([
  ['http://login.example.com/token', "would get the client's secret unencrypted: give an https:// URL"],
  ['https://me:hidden-word@login.example.com/token', "is given with a login in its URL: give the client's id and secret by themselves"],
])('a token endpoint that would leak the secret is refused without a request: %s', async (tokenUrl, sentence) => {
  const refused: unknown = await requestClientToken({ ...client, tokenUrl }).catch((error: unknown) => error)
  expect(refused).toMatchObject({ name: 'TokenError', type: 'TOKEN_REFUSED' })
  expect(String(refused)).toContain(sentence)
  expect(String(refused)).not.toContain('hidden')
})
