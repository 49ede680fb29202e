import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { Platform } from '../../support/platform.ts'
import { residentMemory } from '../../support/resident-memory.ts'
import { setScene } from '../../support/scene.ts'

/** Their log lines at debug are more than what a pipe and the daemon together hold back. */
const EVENTS = 9_000
/** What is held back, and what working on so much leaves behind in any case. Megabytes. */
const MOST_RESIDENT = 350

/**
 * Fault: nobody reads a standard output that is full.
 * Promise: the daemon goes on, stops in order and holds back no more than its limit; read again, it says how many lines are missing.
 */
test('a standard output that is full and that nobody reads stops no daemon and fills no memory; read again, it says how much is missing', async () => {
  await using scene = await setScene({ smtp: { keepMails: 10 } })
  const daemon = scene.daemon({ LOG_LEVEL: 'trace' })
  await daemon.ready()
  daemon.holdOutput(true)
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, EVENTS)
  await scene.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up', ...campaign, ...person })))
  await scene.settled(500_000)
  expect(scene.smtp.counters.accepted).toBe(EVENTS)
  const { most } = await residentMemory(daemon.pid)
  console.log(`${most.toFixed(0)} MB resident at most`)
  expect(most).toBeLessThan(MOST_RESIDENT)
  daemon.holdOutput(false)
  await eventually('it says what is missing', () => daemon.lines.some(({ msg }) => msg === 'log lines dropped') || 'not yet')
  expect(daemon.lines.find(({ msg }) => msg === 'log lines dropped')?.['count']).toBeGreaterThan(0)
  daemon.holdOutput(true)
  daemon.kill('SIGTERM')
  await eventually('it is gone', () => !alive(daemon.pid) || 'alive')
  daemon.holdOutput(false)
  expect(await daemon.exited).toBe(0)
}, 600_000)

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
