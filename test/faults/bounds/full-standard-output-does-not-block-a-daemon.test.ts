import { expect, test } from 'vitest'
import type { Daemon } from '../../support/daemon.ts'
import { eventually } from '../../support/eventually.ts'
import { Platform } from '../../support/platform.ts'
import { residentMemory } from '../../support/resident-memory.ts'
import { createFixture } from '../../support/fixture.ts'

/** Each is four lines and more: together beyond what a pipe and the daemon hold back. */
const REPORTS = 10_000
/** What may be held back is 4 MiB; the rest is the daemon's in any case. Megabytes. */
const MOST_MORE = 60

/**
 * Fault: Standard output is full, and nothing reads it.
 * Promise: The daemon continues, stops in order and buffers no more than its limit; once the output is read again, it states how many lines
 * are missing.
 */
test('a full standard output without a reader stops no daemon and fills no memory; once read, it states how much is missing', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const daemon = fixture.daemon()
  await daemon.ready()
  await reports(daemon, 1_000)
  const { now: before } = await residentMemory(daemon.pid)
  daemon.holdOutput(true)
  await reports(daemon, REPORTS)
  const { most } = await residentMemory(daemon.pid)
  console.log(`${before.toFixed(0)} MB resident before, ${most.toFixed(0)} MB at most`)
  expect(most - before).toBeLessThan(MOST_MORE)

  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, 20)
  await fixture.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up', ...campaign, ...person })))
  await fixture.drained()
  expect(fixture.smtp.counters.accepted).toBe(20)

  daemon.holdOutput(false)
  await eventually('it says what is missing', () => daemon.lines.some(({ msg }) => msg === 'log lines dropped') || 'not yet')
  daemon.holdOutput(true)
  daemon.kill('SIGTERM')
  await eventually('it is gone', () => !alive(daemon.pid) || 'alive')
  daemon.holdOutput(false)
  expect(await daemon.exited).toBe(0)
})

/** Requests a report of every worker repeatedly; a reply over HTTP shows that the signal before it was handled. */
async function reports(daemon: Daemon, count: number): Promise<void> {
  const url = `${daemon.url()}/livez`
  for (let sent = 0; sent < count; sent++) {
    daemon.kill('SIGUSR2')
    await (await fetch(url)).text()
  }
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    // There is no such process.
    return false
  }
}
