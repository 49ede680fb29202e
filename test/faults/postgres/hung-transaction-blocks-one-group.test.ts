import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { notReadyFor, probesOf } from '../../support/faults/probes.ts'
import { startFrozenTransaction } from '../../support/frozen-transaction.ts'

/**
 * Fault: A transaction that has locked the progress rows of one group hangs: its process is frozen.
 * Promise: That group waits and accepts nothing; it is live, not ready, and reports why. The other groups continue, and afterwards every
 * event is accepted once.
 */
test('a hung transaction on the progress rows of a group blocks that group only', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 30 })
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const traffic = fixture.traffic({ eventsPerSecond: 40 })
  await eventually('traffic is under way', () => traffic.acknowledged > 100 || `${traffic.acknowledged} events`)

  const { sql, group, databaseUrl } = fixture.base
  await fixture.fault('a hung transaction with progress rows', [], async () => {
    const locking = `SELECT FROM worker.progress WHERE group_name = '${group('email-workers')}' ORDER BY partition FOR UPDATE`
    await using _frozen = await startFrozenTransaction(databaseUrl, locking)
    const before = await accepted()
    await Promise.all(daemons.map((daemon) => notReadyFor(daemon, /^\S*email-workers: waiting: .*SQLSTATE 55P03/)))
    await eventually('the other groups go on', async () => {
      const now = await accepted()
      const moved = ['position-workers', 'reward-workers'].filter((name) => (now.get(name) ?? 0) > (before.get(name) ?? 0) + 20)
      return moved.length === 2 || moved.join(', ')
    })
    expect((await accepted()).get('email-workers')).toBe(before.get('email-workers'))
    const wrong = (await Promise.all(daemons.map(probesOf))).flatMap((probes) => probes.wrong)
    expect(wrong.filter((one) => !/^\S*email-workers: /.test(one))).toEqual([])
  })
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  await traffic.stop()
  await fixture.assertHistory()

  /** Offsets of all partitions together, by group. */
  async function accepted(): Promise<ReadonlyMap<string, number>> {
    const found = await sql.query<{ group_name: string; sum: string }>(
      'SELECT group_name, sum(next_offset) FROM worker.progress GROUP BY 1',
    )
    return new Map(found.map((row) => [row.group_name.replace(/^.*\./, ''), Number(row.sum)]))
  }
})
