import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { notReadyFor, probesOf, type Probes } from '../../support/faults/probes.ts'
import { follows, pausesOf, statusOf, type PausedStatus } from '../../support/pauses.ts'

const AWAY_MS = 30_000

/**
 * Fault: The database is unreachable for 30 s: connections are refused, or nothing gets through and nothing ends. Two daemons run, and a
 * third is started meanwhile. An operator has paused one group.
 * Promise: They are live, not ready, and report why; the started daemon waits and then works; nothing is lost or doubled. All of them keep to
 * the pause until it is ended.
 */
test.each(['refuse', 'blackHole'] as const)('daemons wait for a database that is away for 30 s (%s), at the start as well', async (how) => {
  const scenario = expect.getState().currentTestName
  await using fixture = await createFaultFixture({ scenario, seed: how === 'refuse' ? 26 : 27 })
  const { postgres } = fixture.proxies
  const { sql } = fixture.base
  const group = fixture.base.group('reward-workers')
  const pauses = pausesOf(fixture.base)
  const paused = { scope: 'group', group, target: group } as const
  await pauses.begin(paused)
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  const traffic = fixture.traffic({ eventsPerSecond: 20 })
  await eventually('traffic is under way', () => traffic.acknowledged > 60 || `${traffic.acknowledged} events`)
  const late = await fixture.fault(`the database cannot be reached (${how})`, ['database'], async () => {
    const since = Date.now()
    await postgres[how]()
    const started = fixture.daemon()
    await Promise.all(daemons.map((daemon) => notReadyFor(daemon, /^database: database-away: .+/)))
    await eventually('the late one serves probes', () => started.url() !== '' || 'not yet')
    await notReadyFor(started, /^process: booting: /)
    const dishonest: Probes[] = []
    const forgotten: PausedStatus[] = []
    await eventually('it has been away for 30 s', async () => {
      const probes = await Promise.all([...daemons, started].map(probesOf))
      dishonest.push(...probes.filter(({ live, ready }) => !live || ready))
      const seen = await Promise.all(daemons.map(statusOf))
      forgotten.push(...seen.filter((each) => each.pauses.length !== 1 || each.groups[group]?.paused.includes('operator') !== true))
      return Date.now() - since > AWAY_MS || `${Date.now() - since} ms`
    })
    expect([dishonest, forgotten]).toEqual([[], []])
    await postgres.pass()
    return started
  })
  await Promise.all([...daemons, late].map((daemon) => daemon.ready()))
  await Promise.all([...daemons, late].map((daemon) => follows(daemon, 1)))
  await traffic.stop()
  expect(await sql.query('SELECT DISTINCT group_name FROM worker.outcomes WHERE group_name = $1', [group])).toEqual([])
  expect(await pauses.end(paused, 'ops')).toMatchObject({ target: group })
  await fixture.assertHistory()
})
