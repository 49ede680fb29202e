import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

/** Taken by the trigger of the platform, without a deadline, and held by the test. */
const LOCK = 7

test('a blocked statement is reported with the process that blocks it: in the log, in /status, on SIGUSR2, and by stage in the metrics', async () => {
  await using fixture = await createFixture()
  await fixture.sql.query(
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$ BEGIN PERFORM pg_advisory_xact_lock(${LOCK}); RETURN NEW; END $$`,
  )
  await fixture.sql.query('CREATE TRIGGER slow BEFORE INSERT ON email_logs FOR EACH ROW EXECUTE FUNCTION slow()')
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const ada = await platform.person(campaign)
  const daemon = fixture.daemon()
  await daemon.ready()
  const statement = 'UPDATE worker.intents, INSERT platform.email_logs'
  // On a busy machine other statements may be slow as well, and a recalculation under way.
  const lines = (msg: string) =>
    daemon.lines.filter((line) => line.msg === msg && (line['statement'] === statement || line['kind'] === 'mail'))

  const blocker = await fixture.transaction(async (tx) => {
    const [session] = await tx.query<{ pid: number }>(`SELECT pg_backend_pid() AS pid FROM pg_advisory_xact_lock(${LOCK})`)
    await fixture.publisher.publishUserSignedUp({ ...campaign, ...ada })
    await eventually('the log names it', () => lines('statement slow').length > 0 || 'no line')

    const waits = { pool: 'delivery', statement, blockedBy: [session?.pid] }
    expect(lines('statement slow')[0]).toMatchObject({ ...waits, level: 'warn', forMs: expect.any(Number), pid: expect.any(Number) })

    const response = await fetch(`${daemon.url()}/status`)
    expect(await response.json()).toMatchObject({
      slowStatements: expect.arrayContaining([expect.objectContaining(waits)]),
      groups: { [fixture.group('email-workers')]: { stages: { start: 1 } } },
    })

    daemon.kill('SIGUSR2')
    await eventually(
      'it says what is being done',
      () => (lines('statement in flight').length > 0 && lines('intent in flight').length > 0) || 'no line',
    )
    expect(lines('statement in flight')[0]).toMatchObject(waits)
    expect(lines('intent in flight')[0]).toMatchObject({ stage: 'start', stageSince: expect.any(String), waitsFor: null })
    return session?.pid
  })
  expect(blocker).toBeGreaterThan(0)

  await fixture.drained()
  expect(fixture.smtp.mails).toHaveLength(1)
  const metrics = await daemon.metrics()
  for (const stage of ['prepare', 'connection', 'start', 'send', 'record'])
    expect(metrics).toContain(`kafka_worker_stage_duration_seconds_count{channel="email",stage="${stage}"} 1`)
  // A second is the least that is slow, and the statement was at least that.
  expect(metrics).toContain(`kafka_worker_stage_duration_seconds_bucket{le="0.5",channel="email",stage="start"} 0`)
})
