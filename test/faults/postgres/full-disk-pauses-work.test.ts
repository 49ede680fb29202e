import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { notReadyFor } from '../../support/faults/probes.ts'
import { DISK_FULL, createFailingTables } from '../../support/faults/failing-tables.ts'

const tables = ['outcomes', 'progress', 'intents', 'dead_letters', 'recalculations', 'reward_codes']
const deliveryLogs = ['email_logs', 'webhook_deliveries']

/**
 * Fault: The disk of the worker's tables and delivery logs is full: PostgreSQL answers and reads, and refuses every row with SQLSTATE 53100
 * (by triggers, so that no right to mount a small disk is needed).
 * Promise: Daemons are live, not ready, report why, and give nothing up; once there is room again, everything continues by itself.
 */
test('daemons wait while the disk is full: nothing is given up, and everything continues once there is room', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 25 })
  const { sql } = fixture.base
  const disk = await createFailingTables(sql, [
    ...tables.map((table) => `worker.${table}`),
    ...deliveryLogs.map((table) => `public.${table}`),
  ])
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  const traffic = fixture.traffic({ eventsPerSecond: 50 })
  await eventually('traffic is under way', () => traffic.acknowledged > 100 || `${traffic.acknowledged} events`)
  await fixture.fault('the disk is full', [], async () => {
    await disk.inject(DISK_FULL)
    const before = traffic.acknowledged
    await Promise.all(daemons.map((daemon) => notReadyFor(daemon, /^\S*email-workers: waiting: .*SQLSTATE 53100/)))
    const held = await accepted()
    await eventually('traffic goes on', () => traffic.acknowledged > before + 150 || `${traffic.acknowledged - before} events`)
    // Both daemons still wait, and have written nothing meanwhile.
    await Promise.all(daemons.map((daemon) => notReadyFor(daemon, /^\S*email-workers: waiting: .*SQLSTATE 53100/)))
    expect(await accepted()).toBe(held)
    await disk.heal()
  })
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  await traffic.stop()
  for (const daemon of daemons) {
    const reported = daemon.lines.filter(({ msg, level }) => msg === 'waiting' && level === 'warn').map(({ cause }) => String(cause))
    expect(reported).toContainEqual(expect.stringMatching(/^database: SQLSTATE 53100\b/))
    expect(daemon.isOver()).toBe(false)
  }
  await fixture.assertHistory()

  async function accepted(): Promise<string | undefined> {
    const [row] = await sql.query<{ sum: string }>('SELECT sum(next_offset) FROM worker.progress')
    return row?.sum
  }
})
