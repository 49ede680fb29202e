import { expect, inject, test } from 'vitest'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { createMixedEvents, wrongPositions } from '../support/mixed-events.ts'

test('SIGKILL under load loses nothing; only mails in flight, no more than workers, may be sent again, and their rows count it', async () => {
  await using fixture = await createFixture()
  const mixed = await createMixedEvents(new Platform(fixture.sql), fixture, 1_000)
  const workers = 4
  const settings = { MAIL_DEADLINE_MS: '1000', KAFKA_WORKER_POOL_SIZE: String(workers) }
  const inFlight: number[] = []
  for (const mails of [100, 300, 500]) {
    const daemon = fixture.daemon(settings)
    await daemon.ready()
    if (mails === 100) await fixture.publisher.publishMany(mixed.events)
    await eventually('the daemon is in mid-stream', async () => {
      inFlight.push(await handedOver(fixture))
      return fixture.smtp.counters.mails > mails || String(fixture.smtp.counters.mails)
    })
    daemon.kill('SIGKILL')
    expect(await daemon.exited).toBe('SIGKILL')
    inFlight.push(await handedOver(fixture))
  }
  expect(Math.max(...inFlight)).toBeGreaterThan(0)
  expect(Math.max(...inFlight)).toBeLessThanOrEqual(workers)
  const last = fixture.daemon(settings)
  await last.ready()
  await fixture.drained()

  // A mail that two of the kills interrupted is held, whether or not the relay has it, until the operator has it sent.
  await retryHeld(fixture)
  await fixture.drained()

  const { mails } = fixture.smtp
  const distinct = new Set(mails.map(({ messageId }) => messageId)).size
  expect(distinct).toBe(mixed.mails)
  const [doubt] = await fixture.sql.query<{ times: number }>(
    `SELECT coalesce(sum(ambiguous), 0)::int AS times FROM worker.intents WHERE kind = 'mail'`,
  )
  expect(mails.length - distinct).toBeLessThanOrEqual(doubt?.times ?? 0)
  const outcomes = await fixture.sql.query<{ group_name: string; count: string }>(
    'SELECT group_name, count(*) FROM worker.outcomes GROUP BY 1 ORDER BY 1',
  )
  expect(outcomes).toEqual([
    { group_name: fixture.group('email-workers'), count: String(mixed.mails) },
    { group_name: fixture.group('position-workers'), count: String(mixed.mails / 4) },
  ])
  expect(await wrongPositions(fixture, 3)).toEqual([])
})

/** The most mails of one process that may have gone out or not; those of a killed one stay so until their leases end. */
async function handedOver(fixture: Fixture): Promise<number> {
  const rows = await fixture.sql.query<{ count: number }>(
    `SELECT count(*)::int FROM worker.intents WHERE state = 'handing_over' GROUP BY regexp_replace(owner, ':\\d+$', '')`,
  )
  return Math.max(0, ...rows.map(({ count }) => count))
}

async function retryHeld(fixture: Fixture): Promise<void> {
  const { code, err } = await runWorkerctl(['intents', 'retry', '--state', 'held', '--group', 'email-workers', '--yes'], {
    KAFKA_BROKERS: inject('kafkaBootstrap').join(','),
    KAFKA_TOPIC: fixture.topic,
    KAFKA_GROUP_PREFIX: fixture.groupPrefix,
    DATABASE_URL: fixture.databaseUrl,
  })
  expect({ code, err }).toEqual({ code: 0, err: '' })
}
