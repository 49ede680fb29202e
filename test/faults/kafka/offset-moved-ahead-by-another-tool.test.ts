import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { newUsersOf, signUp } from '../../support/faults/new-users.ts'

/**
 * Fault: Another tool moves a group's offset ahead while no daemon runs.
 * Promise: The progress row decides; the records in between are accepted.
 */
test('a group whose offset another tool moved past unaccepted records starts at its row and skips none of them', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, partitions: 1, simulations: 1 })
  const { admin, smtp, sql, topic } = fixture.base
  let mails = 0
  smtp.onMail(() => (mails += 1))
  const group = fixture.base.group('email-workers')
  const first = fixture.daemon()
  await first.ready()
  first.kill('SIGTERM')
  expect(await first.exited).toBe(0)

  const [campaign] = fixture.seedData.flatMap(({ campaigns }) => campaigns)
  const guests = campaign === undefined ? [] : newUsersOf(fixture)(campaign, 10)
  await fixture.play(guests.map(signUp))
  await fixture.fault("a tool moves a group's offset ahead", [], async () => {
    await admin.setCommitted(group, topic, new Map([[0, 6n]]))
    await fixture.daemon().ready()
  })
  await eventually('the log is read to its end', async () => {
    const [row] = await sql.query<{ next_offset: string }>('SELECT next_offset FROM worker.progress WHERE group_name = $1', [group])
    return row?.next_offset === '10' || String(row?.next_offset)
  })
  const outcomes = await sql.query<{ offset: string }>('SELECT "offset" FROM worker.outcomes WHERE group_name = $1 ORDER BY "offset"', [
    group,
  ])
  expect(outcomes.map(({ offset }) => Number(offset))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  await eventually('everybody is written to', () => mails === 10 || String(mails))
  await fixture.assertHistory()
})
