import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'
import { expectClean } from '../support/refusal.ts'
import { startSecureStack, type SecureStack } from '../support/secure-stack.ts'

let secure: SecureStack
let fixture: Fixture

beforeAll(async () => {
  secure = await startSecureStack()
  const { url } = await secure.database('platform')
  fixture = await createFixture({ partitions: 1, brokers: secure.kafka.bootstrap, databaseUrl: url })
})

afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
  await secure.stop()
})

/** Ends all connections of the daemon, none of which is used again. */
async function restartBroker(): Promise<void> {
  const [broker] = secure.kafka.brokers
  await broker?.stop()
  await broker?.start()
}

async function signUp(): Promise<void> {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
}

/** The daemon reads what is published now, over connections that it has made since the restart. */
async function works(daemon: Daemon): Promise<void> {
  const before = fixture.smtp.counters.accepted
  await signUp()
  await fixture.drained()
  expect(fixture.smtp.counters.accepted).toBe(before + 1)
  await daemon.ready()
}

async function complains(daemon: Daemon, sentence: RegExp): Promise<void> {
  await eventually(`readiness says ${sentence}`, async () => {
    const response = await fetch(`${daemon.url()}/readyz`)
    const text = await response.text()
    return (response.status === 503 && sentence.test(text)) || `${response.status} ${text}`
  })
}

async function stopped(daemon: Daemon): Promise<unknown> {
  expectClean(daemon, secure.secrets)
  daemon.kill('SIGTERM')
  return daemon.exited
}

test('a password that is replaced in its file is used after the next restart of the broker, without one of the daemon', async () => {
  const [password = ''] = secure.secrets
  const file = secure.file('password', password)
  await using daemon = fixture.daemon({
    KAFKA_BROKERS: secure.kafka.secured['LOGIN'] ?? '',
    KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
    KAFKA_SSL_CA_FILE: secure.files.ca,
    KAFKA_SASL_USERNAME: 'worker',
    KAFKA_SASL_PASSWORD_FILE: file,
  })
  await daemon.ready()
  await secure.kafka.setPassword({ name: 'worker', password: 'another-hidden-word' })
  writeFileSync(file, 'another-hidden-word\n')
  await restartBroker()
  await works(daemon)
  // Nothing but the file had to change: the broker refuses the first password by now.
  writeFileSync(file, password)
  await restartBroker()
  await complains(daemon, /rejects the user or the password/)
  writeFileSync(file, 'another-hidden-word')
  await works(daemon)
  expect(await stopped(daemon)).toBe(0)
})

test('certificates that are replaced in their files are used for every new connection', async () => {
  const { ca, cert, key, foreignCa, foreignCert, foreignKey } = secure.files
  const [text, foreign] = await Promise.all(
    [
      [ca, cert, key],
      [foreignCa, foreignCert, foreignKey],
    ].map((paths) => Promise.all(paths.map((path) => readFile(path, 'utf8')))),
  )
  const write = ([authority = '', certificate = '', privateKey = '']: readonly string[] = []) => ({
    KAFKA_SSL_CA_FILE: secure.file('live-ca.pem', authority),
    KAFKA_SSL_CERT_FILE: secure.file('live-client.pem', certificate),
    KAFKA_SSL_KEY_FILE: secure.file('live-client.key', privateKey),
  })
  const files = write(text)
  await using daemon = fixture.daemon({
    KAFKA_BROKERS: secure.kafka.secured['MUTUAL'] ?? '',
    KAFKA_SECURITY_PROTOCOL: 'SSL',
    ...files,
  })
  await daemon.ready()
  const [authority = ''] = text ?? []
  write([authority, ...(foreign ?? []).slice(1)])
  await restartBroker()
  await complains(daemon, /refuses our client certificate/)
  write(text)
  await works(daemon)

  write([...(foreign ?? []).slice(0, 1), ...(text ?? []).slice(1)])
  await restartBroker()
  await complains(daemon, /is not signed by a trusted authority/)
  write(text)
  await works(daemon)

  // As while another program writes it.
  writeFileSync(files.KAFKA_SSL_CERT_FILE, '-----BEGIN CERTIFICATE-----\n')
  await restartBroker()
  await works(daemon)
  const warned = daemon.lines.filter(({ level }) => level === 'warn').map((line) => JSON.stringify(line))
  expect(warned.filter((line) => /the last secrets and certificates stay in use: KAFKA_SSL_CERT_FILE/.test(line))).not.toEqual([])
  expect(await stopped(daemon)).toBe(0)
})
