import type { Mechanism } from 'kafkajs'
import { afterEach, expect, it, vi } from 'vitest'
import { clientAccess, type KafkaAccess } from '../../../../../src/infra/kafka/client/access.ts'
import { messageOf } from '../../../../../src/std/failure.ts'

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

const never = () => new Promise<string>(() => undefined)

afterEach(() => {
  vi.useRealTimers()
})

it('a function that gives no token in time ends the login by a sentence, before the client of Kafka gives the login up', async () => {
  vi.useFakeTimers()
  const { options } = clientAccess({ tls: {}, sasl: { mechanism: 'OAUTHBEARER', token: never } }, () => undefined)
  const sent: unknown[] = []
  const saslAuthenticate = async ({ request }: { readonly request: unknown }) => void sent.push(request)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only what a login uses
  const parts = { host: '127.0.0.1', port: 9093, logger: undefined, saslAuthenticate } as unknown as Parameters<
    Mechanism['authenticationProvider']
  >[0]
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- OAUTHBEARER is a mechanism of our own
  const login = (options.sasl as Mechanism).authenticationProvider(parts).authenticate()
  const refused = login.catch(messageOf)
  await vi.advanceTimersByTimeAsync(9_000)
  expect(await refused).toBe('sasl.token gives no token (no answer within 8 s)')
  expect(sent).toHaveLength(1)
})
