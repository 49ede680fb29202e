import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority } from '../../stack/certificates.ts'
import { startKafka, type KafkaServer } from '../../stack/kafka-broker.ts'
import { unsignedToken } from '../../stack/kafka-listeners.ts'
import { tempFolder, type TempFolder } from '../../stack/temp-folder.ts'
import type { LogLine } from '../support/daemon.ts'
import { createFixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'
import { expectClean } from '../support/refusal.ts'
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.ts'

const VALID_MS = 24_000
const folder: TempFolder = tempFolder('tokens')
let kafka: KafkaServer
let endpoint: TokenEndpoint
let connection: Record<string, string>

beforeAll(async () => {
  const own = await createAuthority('Own')
  const server = await own.server(['127.0.0.1'])
  endpoint = await startTokenEndpoint(VALID_MS)
  kafka = await startKafka({ listeners: [{ name: 'TOKEN', tls: { server }, sasl: { mechanisms: ['OAUTHBEARER'] } }] })
  connection = {
    KAFKA_BROKERS: kafka.secured['TOKEN'] ?? '',
    KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
    KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
    KAFKA_SSL_CA_FILE: file('ca.pem', own.ca),
  }
})

afterAll(async () => {
  await Promise.all([kafka.stop(), endpoint.stop()])
  await folder.remove()
})

/** Replaced in one step, as programs that write secrets do. */
function file(name: string, content: string): string {
  const path = join(folder.path, name)
  writeFileSync(`${path}.new`, `${content}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
  return path
}

/** A sign-up becomes a mail although the first tokens have ended by then; resolves to the crashes that the daemon logged. Both tests wait at once. */
async function outlivesItsTokens(variables: Record<string, string>, secret: string): Promise<readonly LogLine[]> {
  await using fixture = await createFixture({ partitions: 1, brokers: kafka.bootstrap })
  const daemon = fixture.daemon({ ...connection, ...variables })
  await daemon.ready()
  await pause(VALID_MS + 6_000)
  const before = fixture.smtp.counters.accepted
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  await fixture.drained()
  expect(fixture.smtp.counters.accepted).toBe(before + 1)
  await daemon.ready()
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expectClean(daemon, [secret])
  return daemon.lines.filter(({ msg }) => msg === 'consumer crashed')
}

test.concurrent('a client that requests tokens requests new ones before they end', async () => {
  const { id, secret } = endpoint.client
  const requests = {
    KAFKA_SASL_OAUTH_TOKEN_URL: endpoint.url,
    KAFKA_SASL_OAUTH_CLIENT_ID: id,
    KAFKA_SASL_OAUTH_CLIENT_SECRET_FILE: file('client-secret', secret),
  }
  expect(await outlivesItsTokens(requests, secret)).toEqual([])
  expect(endpoint.requests()).toBeGreaterThan(1)
})

test.concurrent('a token that another program keeps fresh in a file is read again before the last one ends', async () => {
  const first = unsignedToken('worker', VALID_MS)
  const path = file('token', first)
  const refresh = setInterval(() => file('token', unsignedToken('worker', VALID_MS)), 2_000)
  try {
    expect(await outlivesItsTokens({ KAFKA_SASL_OAUTH_TOKEN_FILE: path }, first)).toEqual([])
  } finally {
    clearInterval(refresh)
  }
})
