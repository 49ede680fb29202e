import { expect, it } from 'vitest'
import { clientAccess, type KafkaAccess } from '../../../../../src/infra/kafka/client/access.ts'

const sasl = { mechanism: 'SCRAM-SHA-512', username: 'worker', password: 'hidden-word' } as const

it('certificates stay what they are where only the login is read again', () => {
  const access = clientAccess({ tls: { ca: 'authority' }, sasl, accessNow: () => ({ sasl }) }, () => undefined)
  expect(access.tlsNow()).toEqual({ rejectUnauthorized: true, ca: 'authority' })
})

it('a promise in place of certificates and login is reported, and what was there before stays in use', () => {
  const wrong: string[] = []
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a caller without types may write
  const accessNow = (async () => ({ tls: {} })) as unknown as NonNullable<KafkaAccess['accessNow']>
  const access = clientAccess({ tls: { ca: 'authority' }, sasl, accessNow }, (sentence) => wrong.push(sentence))
  expect(access.tlsNow()).toMatchObject({ ca: 'authority' })
  expect(wrong).toEqual(['`accessNow` must return `tls` and `sasl` themselves, not a promise'])
})
