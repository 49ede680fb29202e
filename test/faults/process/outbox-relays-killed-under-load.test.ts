import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { seededRandom } from '../../../cmd/demo/random.ts'
import { tablesOf } from '../../../src/consumers/registry.ts'
import { migrate } from '../../../src/infra/postgres/schema/migrate-schema.ts'
import { eventually } from '../../support/eventually.ts'
import { createFixture } from '../../support/fixture.ts'
import { writeOutbox } from '../../support/faults/outbox-writers.ts'
import { startServers } from '../../support/faults/servers.ts'
import { recordsOf } from '../../support/outbox-relay.ts'

const EVENTS = 100_000

/**
 * Fault: While the platform publishes 100,000 events in transactions, of which it rolls some back, the two daemons that relay them are killed
 * with SIGKILL at random moments, one after the other, and the only broker is restarted.
 * Promise: Every event of a committed transaction is published, and none of the others. First occurrences keep the order of the transactions
 * within each key. The repeats are recognised: a group counts each event once.
 */
test('100,000 events published in transactions reach the topic through kills of the relay and a restart of the broker', async () => {
  await using servers = await startServers({ ownKafka: true })
  await using fixture = await createFixture({ brokers: servers.brokers, groups: ['analytics-workers'], partitions: 6 })
  for (const set of tablesOf(fixture.groups)) await migrate({ connectionString: fixture.databaseUrl }, set)
  const [broker] = servers.kafka?.brokers ?? []
  if (broker === undefined) throw new Error('there is no broker')
  const random = seededRandom(41)
  const start = () => fixture.daemon({ LOG_LEVEL: 'info', OUTBOX_POLL_MS: '50' })
  const daemons = [start(), start()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  let isWriting = true
  const writing = writeOutbox({
    databaseUrl: fixture.databaseUrl,
    topic: fixture.topic,
    events: EVENTS,
    writers: 6,
    random,
    // So that kills come throughout the writing.
    pause: () => pause(random.below(120)),
  }).finally(() => (isWriting = false))
  let kills = 0
  const killing = (async () => {
    while (isWriting || kills < 8) {
      await pause(300 + random.below(2_500))
      const victim = kills++ % 2
      daemons[victim]?.kill('SIGKILL')
      await daemons[victim]?.exited
      daemons[victim] = start()
      if (kills === 3) {
        await broker.kill()
        await broker.start()
      }
    }
  })()
  const { committed, rolledBack, order } = await writing
  await killing
  await eventually(
    'the outbox is published',
    async () => {
      const [row] = await fixture.sql.query<{ left: number }>('SELECT count(*)::int AS left FROM worker.outbox WHERE published_at IS NULL')
      return row?.left === 0 || `${row?.left} are left`
    },
    120_000,
  )
  await fixture.drained()

  const records = await recordsOf(servers.brokers, fixture.topic)
  const first = new Map<string, string[]>()
  const seen = new Set<string>()
  for (const { eventId, key } of records) {
    if (!seen.has(eventId)) first.set(key, [...(first.get(key) ?? []), eventId])
    seen.add(eventId)
  }
  process.stderr.write(`  ${records.length} records of ${seen.size} events after ${kills} kills: ${records.length - seen.size} repeats\n`)
  expect([committed.size, seen.size]).toEqual([EVENTS, EVENTS])
  expect([...committed].filter((id) => !seen.has(id))).toEqual([])
  expect(rolledBack.size).toBeGreaterThan(EVENTS / 30)
  expect([...rolledBack].filter((id) => seen.has(id))).toEqual([])
  const reordered = [...order].filter(([key, ids]) => ids.join() !== first.get(key)?.join())
  expect(reordered.map(([key]) => key)).toEqual([])
  const [counted] = await fixture.sql.query<{ sum: number }>('SELECT sum(count)::int AS sum FROM analytics.event_counts')
  expect(counted?.sum).toBe(EVENTS)
})
