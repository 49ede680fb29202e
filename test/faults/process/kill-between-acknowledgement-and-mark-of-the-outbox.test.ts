import { inject, expect, test } from 'vitest'
import { tablesOf } from '../../../src/consumers/registry.ts'
import { migrate } from '../../../src/infra/postgres/schema/migrate-schema.ts'
import type { TypedInput } from '../../../src/events/publisher-input.ts'
import { eventually } from '../../support/eventually.ts'
import { createFixture } from '../../support/fixture.ts'
import { recordsOf } from '../../support/outbox-relay.ts'
import { Platform } from '../../support/platform.ts'

/**
 * Fault: The daemon that relays events of the outbox is killed (SIGKILL) when Kafka has acknowledged a block and no row is marked.
 * Promise: The next relay sends the same events again under their ids, in their order, and then the rest. A group counts each once, and
 * reports the others as duplicates.
 */
test('SIGKILL between the acknowledgement and the mark of an outbox block: it is sent again under the same ids, and counted once', async () => {
  await using fixture = await createFixture({ groups: ['analytics-workers'] })
  for (const set of tablesOf(fixture.groups)) await migrate({ connectionString: fixture.databaseUrl }, set)
  const campaign = await new Platform(fixture.sql).campaign()
  const doomed = fixture.daemon({}, { killAt: { fact: 'outbox-sent' } })
  await doomed.ready()
  const events: TypedInput[] = Array.from({ length: 700 }, (_, index) => ({
    type: 'campaign.milestone_reached',
    ...campaign,
    milestone: String(index),
    participantCount: index,
  }))
  const published = await fixture.transaction((tx) => fixture.publisher.inTransaction(tx).publishMany(events))
  expect(await doomed.exited).toBe('SIGKILL')
  const next = fixture.daemon()
  await next.ready()
  await eventually('the outbox is published', async () => {
    const [row] = await fixture.sql.query<{ left: number }>('SELECT count(*)::int AS left FROM worker.outbox WHERE published_at IS NULL')
    return row?.left === 0 || `${row?.left} are left`
  })
  await fixture.drained()
  const ids = published.map(({ eventId }) => eventId)
  expect((await recordsOf(inject('kafkaBootstrap'), fixture.topic)).map(({ eventId }) => eventId)).toEqual([...ids.slice(0, 500), ...ids])
  const [counted] = await fixture.sql.query<{ sum: number }>('SELECT sum(count)::int AS sum FROM analytics.event_counts')
  expect(counted?.sum).toBe(700)
  const duplicates = (await next.metrics()).split('\n').filter((line) => line.includes('outcome="duplicate"'))
  expect(duplicates.join()).toMatch(/ [1-9]\d*$/)
})
