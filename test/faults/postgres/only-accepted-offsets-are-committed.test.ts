import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { newUsersOf, signUp } from '../../support/faults/new-users.ts'

/**
 * Fault: A client holds the lock of one partition's progress row while both partitions have records.
 * Promise: The committed offset never exceeds the row; the other partition continues, and the blocked one follows when the lock is
 * released.
 */
test('while the accept of one partition waits for a lock, only the offset of the other partition is committed to Kafka', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, partitions: 2 })
  const { admin, sql, topic, transaction } = fixture.base
  const group = fixture.base.group('email-workers')
  const committed = async (partition: number) => (await admin.committed(group, topic)).get(partition) ?? 0n
  const end = async (partition: number) => (await admin.ranges(topic)).get(partition)?.high ?? 0n
  const isCommitted = async (partition: number) => {
    const [reported, high] = [await committed(partition), await end(partition)]
    return reported === high || `${reported} of ${high}`
  }
  const first = fixture.daemon()
  await first.ready()
  first.kill('SIGTERM')
  expect(await first.exited).toBe(0)
  // A campaign's events share a partition: of so many campaigns both partitions get some.
  const guests = newUsersOf(fixture)
  await fixture.play(fixture.seedData.flatMap(({ campaigns }) => campaigns.flatMap((campaign) => guests(campaign, 3).map(signUp))))
  expect(await Promise.all([end(0), end(1)])).not.toContain(0n)

  await fixture.fault('the progress row of a partition is locked', [], () =>
    transaction(async (tx) => {
      await tx.query('SELECT FROM worker.progress WHERE group_name = $1 AND partition = 0 FOR UPDATE', [group])
      fixture.daemon()
      await eventually('the accept of the locked partition waits', async () => {
        const waiting = await sql.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%worker.progress%'`,
        )
        return waiting.length === 1 || `${waiting.length} wait`
      })
      // Both came with one fetch, and offsets that are accepted meanwhile are committed together.
      await eventually('the other partition is committed', () => isCommitted(1))
      expect(await committed(0)).toBe(0n)
    }),
  )

  await eventually('both are committed', () => isCommitted(0))
  const [row] = await sql.query<{ count: string }>('SELECT count(*) FROM worker.outcomes WHERE group_name = $1', [group])
  expect(row?.count).toBe('24')
  await fixture.assertHistory()
})
