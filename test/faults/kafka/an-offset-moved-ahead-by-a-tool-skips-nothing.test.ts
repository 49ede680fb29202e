import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { Platform } from '../../support/platform.ts'
import { setScene } from '../../support/scene.ts'

/**
 * Fault: another tool moves a group's offset ahead while no daemon runs.
 * Promise: the progress row decides; what lies in between is accepted.
 */
test('an offset that another tool moved ahead, over records that nobody accepted: the group starts at its row and passes none of them', async () => {
  await using scene = await setScene({ partitions: 1 })
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, 10)
  const settings = { KAFKA_GROUPS: 'email-workers' }
  const first = scene.daemon(settings)
  await first.ready()
  first.kill('SIGTERM')
  expect(await first.exited).toBe(0)

  await scene.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })))
  await scene.admin.setCommitted(scene.group('email-workers'), scene.topic, new Map([[0, 6n]]))
  await scene.daemon(settings).ready()
  await eventually('the log is read to its end', async () => {
    const [row] = await scene.sql.query<{ next_offset: string }>('SELECT next_offset FROM worker.progress')
    return row?.next_offset === '10' || String(row?.next_offset)
  })
  const outcomes = await scene.sql.query<{ offset: string }>('SELECT "offset" FROM worker.outcomes ORDER BY "offset"')
  expect(outcomes.map(({ offset }) => Number(offset))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  await eventually('everybody is written to', () => scene.smtp.counters.mails === 10 || String(scene.smtp.counters.mails))
})
