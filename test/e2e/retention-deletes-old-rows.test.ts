import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('a running daemon deletes rows older than its window, logs their number, and keeps the rest', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const [old, young] = [await platform.person(campaign), await platform.person(campaign)]
  const daemon = fixture.daemon({ RETENTION_INTERVAL_MS: '1000' })
  await daemon.ready()
  for (const person of [old, young]) await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  await fixture.drained()
  // The outcome first: its event is found by the intent, which may be deleted as soon as it is old.
  await fixture.sql.query(
    `UPDATE worker.outcomes SET at = now() - interval '92 days' WHERE event_id = (SELECT event_id FROM worker.intents WHERE user_id = $1)`,
    [old.userId],
  )
  await fixture.sql.query(
    `UPDATE worker.intents SET created_at = now() - interval '92 days', finished_at = now() - interval '92 days' WHERE user_id = $1`,
    [old.userId],
  )
  await eventually('both rows are gone', async () => {
    const [row] = await fixture.sql.query<{ outcomes: number; intents: number }>(
      `SELECT (SELECT count(*)::int FROM worker.outcomes) AS outcomes, (SELECT count(*)::int FROM worker.intents WHERE kind = 'mail') AS intents`,
    )
    return (row?.outcomes === 1 && row.intents === 1) || JSON.stringify(row)
  })
  expect(await fixture.sql.query(`SELECT user_id FROM worker.intents WHERE kind = 'mail'`)).toEqual([{ user_id: young.userId }])
  await eventually('it is counted', async () => {
    const metrics = await daemon.metrics()
    return (
      ['outcomes', 'intents'].every((table) => metrics.includes(`kafka_worker_retention_rows_deleted_total{table="${table}"} 1`)) ||
      'not yet'
    )
  })
  expect(daemon.lines.filter(({ msg }) => msg === 'retention').length).toBeGreaterThan(0)
})
