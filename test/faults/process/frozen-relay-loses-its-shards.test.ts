import { inject, expect, test } from 'vitest'
import { tablesOf } from '../../../src/consumers/registry.ts'
import { migrate } from '../../../src/infra/postgres/schema/migrate-schema.ts'
import type { TypedInput } from '../../../src/events/publisher-input.ts'
import { eventually } from '../../support/eventually.ts'
import { createFixture } from '../../support/fixture.ts'
import { recordsOf } from '../../support/outbox-relay.ts'
import { Platform } from '../../support/platform.ts'

/**
 * Fault: The daemon that relays events of the outbox is frozen (SIGSTOP) between two blocks of a shard, and resumed when another has published
 * the shard.
 * Promise: The server ends the session of the frozen relay within 30 s, and the other daemon takes its shards over. The resumed one sends
 * nothing that it had not sent before, and takes its share again.
 */
test('a relay that is frozen loses its shards to another, and sends nothing of them when it is resumed', async () => {
  await using fixture = await createFixture({ groups: ['analytics-workers'] })
  for (const set of tablesOf(fixture.groups)) await migrate({ connectionString: fixture.databaseUrl }, set)
  const campaign = await new Platform(fixture.sql).campaign()
  const frozen = fixture.daemon({}, { killAt: { fact: 'outbox-sent', signal: 'SIGSTOP' } })
  await frozen.ready()
  const events: TypedInput[] = Array.from({ length: 1_200 }, (_, index) => ({
    type: 'campaign.milestone_reached',
    ...campaign,
    milestone: String(index),
    participantCount: index,
  }))
  const published = await fixture.transaction((tx) => fixture.publisher.inTransaction(tx).publishMany(events))
  const ids = published.map(({ eventId }) => eventId)
  await eventually('the first block is sent', () => frozen.other.some((line) => line.startsWith('observed:')) || 'not yet')
  const other = fixture.daemon()
  await other.ready()
  await eventually('the other daemon publishes everything', async () => {
    const [row] = await fixture.sql.query<{ left: number }>('SELECT count(*)::int AS left FROM worker.outbox WHERE published_at IS NULL')
    return row?.left === 0 || `${row?.left} are left`
  })

  frozen.kill('SIGCONT')
  await eventually('the resumed daemon has its share again', async () => {
    const status: { outbox: { shards: readonly number[] } } = JSON.parse(await (await fetch(`${frozen.url()}/status`)).text())
    return status.outbox.shards.length === 4 || JSON.stringify(status.outbox)
  })
  const records = await recordsOf(inject('kafkaBootstrap'), fixture.topic)
  expect(records.map(({ eventId }) => eventId)).toEqual([...ids.slice(0, 500), ...ids])
})
