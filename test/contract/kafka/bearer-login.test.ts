import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { KafkaSasl } from '../../../src/infra/kafka/client/access.ts'
import { createKafkaAdmin } from '../../../src/infra/kafka/admin/kafka-admin.ts'
import { messageOf } from '../../../src/std/failure.ts'
import { LogAccessRefused } from '../../../src/ingest/log-admin.ts'
import { createAuthority } from '../../../stack/certificates.ts'
import { startKafka, type KafkaServer } from '../../../stack/kafka-broker.ts'
import { unsignedToken } from '../../../stack/kafka-listeners.ts'
import { startTokenEndpoint, type TokenEndpoint } from '../../support/token-endpoint.ts'

let kafka: KafkaServer
let ca: string
let endpoint: TokenEndpoint

/** Half of it has passed before a token is replaced, and the client logs in again 10 s before its end. */
const VALID_MS = 14_000

beforeAll(async () => {
  const own = await createAuthority('Own')
  ca = own.ca
  endpoint = await startTokenEndpoint(VALID_MS)
  const server = await own.server(['127.0.0.1'])
  kafka = await startKafka({ listeners: [{ name: 'TOKEN', tls: { server }, sasl: { mechanisms: ['OAUTHBEARER'] } }] })
})

afterAll(async () => {
  await Promise.all([endpoint.stop(), kafka.stop()])
})

function admin(sasl: KafkaSasl, saslNow: () => KafkaSasl = () => sasl) {
  const accessNow = () => ({ tls: { ca }, sasl: saslNow() })
  return createKafkaAdmin({ brokers: kafka.listening('TOKEN'), clientId: 'test', tls: { ca }, sasl, accessNow })
}

async function refusal(sasl: KafkaSasl): Promise<unknown> {
  const refused = admin(sasl)
  try {
    return await refused.connect().catch((error: unknown) => error)
  } finally {
    await refused.disconnect().catch(() => undefined)
  }
}

function ofClient(change: Partial<{ tokenUrl: string; secret: string; scope: string }> = {}): KafkaSasl {
  return { mechanism: 'OAUTHBEARER', token: { tokenUrl: endpoint.url, ...endpoint.client, ...change } }
}

test.concurrent('a token that is given is read again for each login, before the session of the last one ends', async () => {
  const taken: string[] = []
  const given = (): KafkaSasl => {
    const token = unsignedToken('worker', VALID_MS)
    taken.push(token)
    return { mechanism: 'OAUTHBEARER', token }
  }
  const client = admin({ mechanism: 'OAUTHBEARER', token: 'none' }, given)
  await client.connect()
  expect(await client.topics([])).toEqual(new Map())
  const before = new Set(taken).size
  await pause(VALID_MS + 2_000)
  expect(await client.topics([])).toEqual(new Map())
  expect(new Set(taken).size).toBeGreaterThan(before)
  await client.disconnect()
})

function sealed(): Promise<string> {
  return Promise.reject(new Error('the vault is sealed'))
}

test.concurrent('a function gives the token of each login, and its error is named', async () => {
  let asked = 0
  const token = async () => {
    asked += 1
    return unsignedToken('worker', VALID_MS)
  }
  const client = admin({ mechanism: 'OAUTHBEARER', token })
  await client.connect()
  expect(await client.topics([])).toEqual(new Map())
  const before = asked
  expect(before).toBeGreaterThan(0)
  await pause(VALID_MS + 2_000)
  expect(await client.topics([])).toEqual(new Map())
  expect(asked).toBeGreaterThan(before)
  await client.disconnect()
  expect(messageOf(await refusal({ mechanism: 'OAUTHBEARER', token: sealed }))).toBe('sasl.token gives no token (the vault is sealed)')
  expect(messageOf(await refusal({ mechanism: 'OAUTHBEARER', token: () => '' }))).toBe('sasl.token gives no token (it must be a text)')
})

test.concurrent('a client requests one token for its logins, and another before the first one ends', async () => {
  const before = endpoint.requests()
  const client = admin(ofClient({ scope: 'kafka read' }))
  await client.connect()
  expect(await client.topics([])).toEqual(new Map())
  expect(endpoint.requests() - before).toBe(1)
  expect(endpoint.lastForm()).toEqual({ grant_type: 'client_credentials', scope: 'kafka read' })
  await pause(VALID_MS / 2 + 1_000)
  expect(await client.topics([])).toEqual(new Map())
  expect(endpoint.requests() - before).toBe(2)
  await client.disconnect()
})

test('an expired token is refused at once, by a sentence', async () => {
  const refused = await refusal({ mechanism: 'OAUTHBEARER', token: unsignedToken('worker', -3_600_000) })
  expect(refused).toBeInstanceOf(LogAccessRefused)
  expect(messageOf(refused)).toMatch(
    /^Kafka at \S+ rejects our token \(OAUTHBEARER\): check that it has not expired, and that issuer, audience and scope are those that its listener expects$/,
  )
})

test('a client that the token endpoint refuses is refused at once, by a sentence without its secret or the reason of the server', async () => {
  const refused = await refusal(ofClient({ secret: 'wrong-hidden-word' }))
  expect(refused).toBeInstanceOf(LogAccessRefused)
  expect(messageOf(refused)).toBe(
    `The token endpoint ${endpoint.url} refuses our client (HTTP 401, invalid_client): ` +
      'correct KAFKA_SASL_OAUTH_CLIENT_ID, KAFKA_SASL_OAUTH_CLIENT_SECRET and KAFKA_SASL_OAUTH_SCOPE',
  )
})

test('a token endpoint that is away is named, and not the brokers', async () => {
  const away = await refusal(ofClient({ tokenUrl: 'http://127.0.0.1:1/token' }))
  expect(away).not.toBeInstanceOf(LogAccessRefused)
  expect(messageOf(away)).toMatch(
    /^The token endpoint http:\/\/127\.0\.0\.1:1\/token does not answer \(.+\): start it, or correct KAFKA_SASL_OAUTH_TOKEN_URL$/,
  )
})

test('a token of AWS reaches the brokers, and those that do not take it are named', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hidden-word')
  const refused = await refusal({ mechanism: 'AWS-MSK-IAM', region: 'eu-central-1' })
  vi.unstubAllEnvs()
  expect(refused).toBeInstanceOf(LogAccessRefused)
  expect(messageOf(refused)).toMatch(
    /^Kafka at \S+ rejects our AWS credentials \(AWS-MSK-IAM\): allow them kafka-cluster:Connect on the cluster, or correct KAFKA_AWS_REGION$/,
  )
})

test('a token is never sent without TLS', () => {
  const sasl: KafkaSasl = { mechanism: 'OAUTHBEARER', token: 'x' }
  return expect(createKafkaAdmin({ brokers: kafka.bootstrap, clientId: 'test', sasl }).connect()).rejects.toThrow(
    /sends the token unencrypted/,
  )
})
