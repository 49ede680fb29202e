import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tempFolder } from '../../stack/temp-folder.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'
import { runWorkerctl } from './workerctl-fixture.ts'

/** In every value that must not be in the file, and in nothing else. */
const mark = 'zq7marker'

let fixture: Fixture
const folder = tempFolder('bundle')
beforeAll(async () => {
  fixture = await createFixture({ partitions: 2, smtp: { auth: { user: `${mark}-user`, password: `${mark}-relay` } } })
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
  await folder.remove()
})

async function plant(): Promise<void> {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign({ name: `${mark} campaign` })
  await platform.person(campaign, { email: `${mark}@example.org`, first_name: mark })
  const webhook = await platform.webhook(campaign, `http://127.0.0.1:65535/${mark}?token=${mark}`, `whsec_${mark}0123456789abcdef`)
  await platform.webhook(campaign, `http://${mark}:${mark}@127.0.0.1:65534/${mark}`, `whsec_${mark}0123456789abcdef`)
  await fixture.sql.query(
    `INSERT INTO worker.breakers (channel, destination, reason, open_since, failed_at) VALUES ('webhook', $1, 'timeout', now(), now())`,
    [webhook],
  )
  await fixture.sql.query(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, campaign_id, state, reason, detail, data)
     VALUES ($1, 'welcome', 1, 'email', $2, $3, 'dead', 'no-such-mailbox', $2, jsonb_build_object('to', $2::text))`,
    [fixture.group('email-workers'), `${mark}@example.org`, campaign.campaignId],
  )
  await fixture.sql.query(
    `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", type, reason) VALUES ($1, $2, 0, 7, $3, 'schema')`,
    [fixture.group('email-workers'), fixture.topic, `${mark}@example.org`],
  )
}

test('the diagnostic file holds versions, results, lag, counts and settings, and no secret or address that is anywhere', async () => {
  await plant()
  const url = new URL(fixture.databaseUrl)
  const role = `role_${crypto.randomUUID().slice(0, 8)}`
  await fixture.sql.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${mark}/password'`)
  ;[url.username, url.password] = [role, `${mark}/password`]
  const path = join(folder.path, 'whole.json')
  const variables = {
    ...fixture.variables,
    DATABASE_URL: url.href,
    HTTP_TOKEN: `${mark}-http-token-of-some-length`,
    MAIL_FROM: `Sender <${mark}@example.org>`,
    MAIL_ALLOWED_RECIPIENTS: `${mark}@example.org`,
    UNSUBSCRIBE_URL_TEMPLATE: `https://${mark}:${mark}@example.com/{user_id}?key=${mark}`,
    UNSUBSCRIBE_SECRET: `${mark}-unsubscribe`,
  }
  const ran = await runWorkerctl(['doctor', '--json', '--bundle', path], variables)
  await fixture.sql.query(`DROP ROLE ${role}`)
  expect(ran.err.split('\n').at(-1)).toBe(`Wrote ${path}.`)
  const text = readFileSync(path, 'utf8')
  expect(text).not.toContain(mark)
  expect(text).not.toContain('example.org')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const file: Record<string, unknown> = JSON.parse(text)
  const group = fixture.group('email-workers')
  expect(file).toMatchObject({
    format: 1,
    versions: { worker: expect.any(String), node: process.versions.node },
    machine: { platform: process.platform, cpus: expect.any(Number) },
    configuration: expect.arrayContaining([{ name: 'HTTP_TOKEN', value: '***', source: 'environment' }]),
    checks: expect.arrayContaining([expect.objectContaining({ name: 'broker', is: 'ok' })]),
    topics: { [fixture.topic]: { partitions: expect.any(Array), config: expect.objectContaining({ 'cleanup.policy': 'delete' }) } },
    lag: expect.arrayContaining([expect.objectContaining({ group, members: 0, partitions: expect.any(Array) })]),
    intents: [expect.objectContaining({ group, channel: 'email', state: 'dead', reason: 'no-such-mailbox', count: 1 })],
    deadLetters: [expect.objectContaining({ group, reason: 'schema', count: 1 })],
    breakers: [expect.objectContaining({ channel: 'webhook', origin: 'http://127.0.0.1:65535', reason: 'timeout' })],
    migrations: expect.arrayContaining([expect.objectContaining({ set: 'worker', changed: [] })]),
    settings: expect.objectContaining({ max_connections: expect.any(String), fsync: expect.any(String) }),
    tables: expect.arrayContaining([expect.objectContaining({ table: 'intents' })]),
  })
})

test('errors that quote what is wrong leave no secret in the file, and what cannot be read says why', async () => {
  const path = join(folder.path, 'errors.json')
  const variables = {
    ...fixture.variables,
    DATABASE_URL: `postgresql://worker:${mark}-password@127.0.0.1:1/platform`,
    KAFKA_BROKERS: '127.0.0.1:1',
    SMTP_URL: `smtp://${mark}-user:${mark}-wrong@127.0.0.1:${fixture.smtp.port}`,
    REFERRAL_LINK_TEMPLATE: `ftp://${mark}:${mark}@example.org/{referral_code}`,
  }
  const ran = await runWorkerctl(['doctor', '--bundle', path], variables)
  expect(ran.code).toBe(2)
  const text = readFileSync(path, 'utf8')
  expect(text).not.toContain(mark)
  expect(JSON.parse(text)).toMatchObject({ checks: [{ name: 'configuration', is: 'failed' }] })

  const other = join(folder.path, 'unread.json')
  await runWorkerctl(['doctor', '--bundle', other], { ...variables, REFERRAL_LINK_TEMPLATE: 'https://example.com/r/{referral_code}' })
  const unread: Record<string, unknown> = JSON.parse(readFileSync(other, 'utf8'))
  expect(JSON.stringify(unread)).not.toContain(mark)
  expect(unread).toMatchObject({
    lag: { notRead: 'the check topics did not succeed' },
    intents: { notRead: 'the check migrations did not succeed' },
  })
})

test('an existing file is not overwritten, and nothing is checked', async () => {
  const path = join(folder.path, 'existing.json')
  writeFileSync(path, 'mine')
  const ran = await runWorkerctl(['doctor', '--bundle', path], fixture.variables)
  expect(ran).toEqual({ code: 1, out: '', err: `The file ${path} exists already: name another one by --bundle, or remove it.` })
  expect(readFileSync(path, 'utf8')).toBe('mine')
})
