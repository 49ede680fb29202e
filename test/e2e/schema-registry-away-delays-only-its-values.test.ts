import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { schemaTextOf } from '../../src/catalogue/registration.ts'
import { avroSchemaOf } from '../../src/events/avro-schema.ts'
import { avroOf } from '../../src/events/avro-writer.ts'
import { catalogue } from '../../src/events/catalogue/catalogue.ts'
import { framed } from '../../src/events/framed-value.ts'
import { createAuthority } from '../../stack/certificates.ts'
import { tempFolder } from '../../stack/temp-folder.ts'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'
import { expectClean } from '../support/refusal.ts'
import { startRegistryServer } from '../support/registry-server.ts'

const verified = catalogue['user.verified']
const headers = { 'event-type': 'user.verified', 'event-version': '1' }

/** A person of a campaign of their own who was verified, as a record: in JSON, or in Avro behind the id of a schema. */
async function record(fixture: Fixture, key: string, schemaId?: number) {
  const platform = new Platform(fixture.sql)
  const { accountId, campaignId } = await platform.campaign()
  const { userId, email } = await platform.person({ accountId, campaignId })
  const event = {
    id: randomUUID(),
    type: 'user.verified',
    account_id: accountId,
    campaign_id: campaignId,
    data: { campaign_id: campaignId, user_id: userId, email },
    timestamp: new Date().toISOString(),
  }
  const value = schemaId === undefined ? Buffer.from(JSON.stringify(event)) : framed(schemaId, avroOf(avroSchemaOf(verified), event))
  return { key, value, headers }
}

async function says(daemon: Daemon, sentence: string): Promise<void> {
  await eventually(`readiness says ${sentence}`, async () => {
    const answer = await (await fetch(`${daemon.url()}/readyz`)).text()
    return answer.includes(sentence) || answer
  })
}

/** Partitions of the group at each join of the daemon. */
function joins(daemon: Daemon): readonly (readonly number[])[] {
  const joined = daemon.lines.filter(({ msg }) => msg === 'group joined')
  return joined.map(({ partitions }) => (Array.isArray(partitions) ? partitions.map(Number).toSorted((a, b) => a - b) : []))
}

async function accepted({ sql }: Fixture): Promise<number> {
  const [row] = await sql.query<{ count: string }>(`SELECT count(*) FROM worker.outcomes WHERE outcome = 'accepted'`)
  return Number(row?.count)
}

const haveBeenAccepted = (count: number, fixture: Fixture) =>
  eventually(`${count} are accepted`, async () => {
    const found = await accepted(fixture)
    return found === count || String(found)
  })

test('while the schema registry hangs, its values wait: their group keeps its membership, goes on elsewhere, rebalances and stops', async () => {
  await using registry = await startRegistryServer()
  const schemaId = registry.register('user.verified', schemaTextOf(verified))
  registry.hang(true)
  await using fixture = await createFixture({ groups: ['email-workers'], partitions: 2 })
  const variables = { KAFKA_SCHEMA_REGISTRY_URL: registry.url }
  const first = fixture.daemon(variables)
  await first.ready()
  // The partitions of these keys are 0 and 1.
  await fixture.sendRaw([await record(fixture, 'a', schemaId), await record(fixture, 'a'), await record(fixture, 'a', schemaId)])
  await says(first, 'does not answer (no answer within 5 s): start it, or correct KAFKA_SCHEMA_REGISTRY_URL')
  await fixture.sendRaw([await record(fixture, 'd'), await record(fixture, 'd')])
  await haveBeenAccepted(2, fixture)

  // Longer than the session of a member that sends no heartbeats.
  await eventually('the second wait', () => first.lines.some(({ msg, attempt }) => msg === 'waiting' && attempt === 2) || 'not yet')
  expect(joins(first)).toEqual([[0, 1]])
  const second = fixture.daemon(variables)
  await eventually('each has its share', () => {
    const shares = [joins(first).at(-1), joins(second).at(-1)]
    return shares.every((share) => share?.length === 1) || JSON.stringify(shares)
  })
  const [waiting, other] = joins(first).at(-1)?.[0] === 0 ? [first, second] : [second, first]
  await says(waiting, 'does not answer (no answer within 5 s)')
  waiting.kill('SIGTERM')
  expect(await waiting.exited).toBe(0)
  await eventually('the other has both', () => joins(other).at(-1)?.length === 2 || JSON.stringify(joins(other)))
  await says(other, 'does not answer (no answer within 5 s)')
  expect(await accepted(fixture)).toBe(2)

  registry.hang(false)
  await haveBeenAccepted(5, fixture)
  await other.ready()
  expect(await fixture.sql.query('SELECT reason FROM worker.dead_letters')).toEqual([])
  expect(other.lines.filter(({ msg }) => msg === 'resumed').length).toBeGreaterThan(0)
})

test('a schema registry that refuses the login over TLS is named and waited for, until its file has another', async () => {
  const authority = await createAuthority('authority of a test')
  const certificate = await authority.server(['127.0.0.1'])
  await using registry = await startRegistryServer({ login: 'worker:hidden-registry-word', certificate })
  const schemaId = registry.register('user.verified', schemaTextOf(verified))
  const folder = tempFolder('registry-access')
  onTestFinished(() => folder.remove())
  const [ca, url] = [join(folder.path, 'ca.pem'), join(folder.path, 'url')]
  writeFileSync(ca, authority.ca)
  writeFileSync(url, registry.urlFor('worker:replaced-registry-word'), { mode: 0o600 })
  await using fixture = await createFixture({ groups: ['email-workers'], partitions: 1 })
  const daemon = fixture.daemon({ KAFKA_SCHEMA_REGISTRY_URL_FILE: url, KAFKA_SCHEMA_REGISTRY_CA_FILE: ca })
  await daemon.ready()
  await fixture.sendRaw([await record(fixture, 'a', schemaId)])
  await says(daemon, 'refuses the login (HTTP 401, 40101): correct user and password in KAFKA_SCHEMA_REGISTRY_URL')
  expect(await accepted(fixture)).toBe(0)
  writeFileSync(url, registry.urlFor('worker:hidden-registry-word'))
  await haveBeenAccepted(1, fixture)
  await daemon.ready()
  expectClean(daemon, ['hidden-registry-word', 'replaced-registry-word'])
})
