import http from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { requestClientToken } from '../../../../../src/infra/kafka/client/oauth-client.ts'

/** Refuses every client, or with the path `/empty` answers without a token. */
const endpoint = http.createServer((request, response) => response.writeHead(request.url === '/empty' ? 200 : 401).end('{}'))
let origin = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
  const address = endpoint.address()
  if (address === null || typeof address === 'string') throw new Error('the endpoint has no port')
  origin = `http://127.0.0.1:${address.port}`
})

afterAll(() => new Promise((resolve) => endpoint.close(resolve)))

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

it.each([
  ['/token', "refuses our client (HTTP 401): correct the client's id, secret and scope"],
  ['/empty', 'answers without an access_token: correct the URL of the token endpoint'],
])('the way out is in words for every program, which the package of the publisher shows as they are: %s', async (path, sentence) => {
  const refused: unknown = await requestClientToken({ ...client, tokenUrl: `${origin}${path}` }).catch((error: unknown) => error)
  expect(refused).toHaveProperty('message', `The token endpoint ${origin}${path} ${sentence}`)
})
