import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { doubledMails, createMixedEvents, wrongPositions } from '../support/mixed-events.ts'
import type { Daemon } from '../support/daemon.ts'

/** Partitions of the group in the daemon's latest join. */
function owned(daemon: Daemon, group: string): readonly number[] {
  const joined = daemon.lines.findLast((line) => line.msg === 'group joined' && line['group'] === group)
  const partitions = joined?.['partitions']
  return Array.isArray(partitions) ? partitions.map(Number) : []
}

test('two daemons share the partitions; when one leaves under load the other takes over all, and nothing is lost or doubled', async () => {
  await using fixture = await createFixture()
  const mixed = await createMixedEvents(new Platform(fixture.sql), fixture, 1_000, 10)
  const group = fixture.group('email-workers')
  const [one, two] = [fixture.daemon(), fixture.daemon()]
  await Promise.all([one.ready(), two.ready()])
  await eventually('each has its share', () => {
    const shares = [owned(one, group), owned(two, group)]
    return (shares.every((share) => share.length === 2) && new Set(shares.flat()).size === 4) || JSON.stringify(shares)
  })

  await fixture.publisher.publishMany(mixed.events)
  await eventually('both are in mid-stream', () => fixture.smtp.counters.mails > 100 || String(fixture.smtp.counters.mails))
  one.kill('SIGTERM')
  expect(await one.exited).toBe(0)
  await eventually('the other has all', () => owned(two, group).length === 4 || JSON.stringify(owned(two, group)))
  await fixture.drained()

  expect(fixture.smtp.counters.mails).toBe(mixed.mails)
  expect(doubledMails(fixture)).toEqual([])
  expect(await wrongPositions(fixture, 3)).toEqual([])
})
