import { describe, expect, it } from 'vitest'
import { createHealth, liveness, readiness, type HealthFacts } from '../../../src/daemon/health.ts'
import type { Stall } from '../../../src/std/stall-detector.ts'
import type { GroupStatus } from '../../../src/ingest/group-status.ts'

const running: GroupStatus = { state: 'running', reason: null, partitions: [0] }
const groups = (status: GroupStatus) => new Map([['email-workers', running], ['position-workers', status]]) // prettier-ignore
const well: HealthFacts = {
  phase: 'running',
  quiet: false,
  databaseOutage: null,
  databaseFault: null,
  groups: groups(running),
  stalls: [],
  notes: {},
}
const since = '2030-01-01T00:00:00.000Z'
const stall: Stall = {
  what: 'batch of partition 3',
  group: 'position-workers',
  since: Date.parse(since),
  stillMs: 400_400,
  allowedMs: 375_000,
}

/** What is wrong, and only that. */
const wrong = ({ checks }: ReturnType<typeof readiness>) => Object.fromEntries(Object.entries(checks).filter(([, { ok }]) => !ok))
const oneOf = (name: string, reason: string, message: string) => ({ [name]: { ok: false, reason, message } })

describe('readiness', () => {
  it('is given when the process runs, the database answers and every group can accept', () => {
    expect(readiness(well)).toEqual({
      ok: true,
      checks: { process: { ok: true }, database: { ok: true }, 'email-workers': { ok: true }, 'position-workers': { ok: true } },
    })
  })

  it('names an unavailable dependency without becoming unready', () => {
    const relay = { ok: true, reason: 'timeout-greeting', message: 'It says nothing.', since }
    const report = readiness({ ...well, notes: { relay } })
    expect(report.ok).toBe(true)
    expect(report.checks['relay']).toEqual(relay)
  })

  it.each<[string, Partial<HealthFacts>, [string, string, string]]>([
    ['booting', { phase: 'booting' }, ['process', 'booting', 'Waiting for the brokers, the database, or the groups to join.']],
    ['stopping', { phase: 'stopping' }, ['process', 'stopping', 'Shutting down: draining in-flight work.']],
    [
      'quiet',
      { quiet: true },
      ['process', 'quiet', 'Quiet by SIGTSTP or POST /admin/quiet: no new work is taken; SIGCONT or POST /admin/unquiet resumes.'],
    ],
    ['without a database', { databaseOutage: 'connection refused' }, ['database', 'database-away', 'Connection refused.']],
    [
      'with a database that takes no writes',
      { databaseFault: 'it is in recovery' },
      ['database', 'database-refuses', 'It is in recovery.'],
    ],
    [
      'with a group that waits',
      { groups: groups({ ...running, state: 'waiting', reason: 'database: SQLSTATE none' }) },
      ['position-workers', 'waiting', 'Waiting, resumes automatically: database: SQLSTATE none.'],
    ],
    [
      'with a group that has not joined',
      { groups: groups({ ...running, state: 'starting' }) },
      ['position-workers', 'starting', 'Waiting for a partition assignment from Kafka.'],
    ],
    [
      'with a group that may not start',
      { groups: groups({ ...running, state: 'refused', reason: 'lost range' }) },
      ['position-workers', 'refused', 'Lost range.'],
    ],
    [
      'with a group that has left',
      { groups: groups({ ...running, state: 'stopped' }) },
      ['position-workers', 'stopped', 'Left the consumer group.'],
    ],
  ])('is not given while %s, and says why', (_, change, what) => {
    const report = readiness({ ...well, ...change })
    expect(report.ok).toBe(false)
    expect(wrong(report)).toEqual(oneOf(...what))
  })
})

describe('liveness', () => {
  it.each<[string, Partial<HealthFacts>]>([
    ['boots', { phase: 'booting', groups: new Map() }],
    ['stops', { phase: 'stopping', stalls: [stall] }],
    ['is quiet', { quiet: true }],
    ['has no database', { databaseOutage: 'connection refused' }],
    ['has a group that has not joined', { groups: groups({ ...running, state: 'starting' }) }],
    ['waits', { groups: groups({ ...running, state: 'waiting', reason: 'database away' }) }],
    ['was refused a group', { groups: groups({ ...running, state: 'refused', reason: 'lost range' }) }],
    ['has left a group', { groups: groups({ ...running, state: 'stopped' }) }],
  ])('is given while the process %s: a restart would not help', (_, change) => {
    expect(liveness({ ...well, ...change }).ok).toBe(true)
  })

  it('is lost with a group whose client cannot recover', () => {
    const report = liveness({ ...well, groups: groups({ ...running, state: 'lost', reason: 'five crashes in a row' }) })
    expect(report.ok).toBe(false)
    expect(wrong(report)).toEqual(
      oneOf('position-workers', 'lost', 'The Kafka client cannot recover, restart the process: five crashes in a row.'),
    )
  })

  it('is lost with a stalled task, named with its group and since when; so is readiness', () => {
    const message = 'No progress for 400 s (limit 375 s) without a known reason: batch of partition 3, and 1 more. Restart the process.'
    const stalls = [{ ...stall, what: 'later one', since: stall.since + 1 }, stall]
    for (const report of [liveness({ ...well, stalls }), readiness({ ...well, stalls })]) {
      expect(report.ok).toBe(false)
      expect(wrong(report)).toEqual({ 'position-workers': { ok: false, reason: 'stalled', message, since } })
    }
    expect(wrong(liveness({ ...well, stalls: [{ ...stall, group: null, what: 'lease check' }] }))).toEqual({
      process: expect.objectContaining({
        ok: false,
        reason: 'stalled',
        message: expect.stringMatching(/: lease check\. Restart the process\.$/),
      }),
    })
  })
})

describe('dates', () => {
  it('date a failing check until it succeeds or fails for another reason', () => {
    let facts = well
    let now = Date.parse(since)
    const health = createHealth({ facts: () => facts, now: () => now })
    const dates = () => Object.values(wrong(health.ready())).map(({ reason, since: date }) => [reason, date])
    expect(dates()).toEqual([])
    facts = { ...well, phase: 'booting', databaseOutage: 'connection refused' }
    expect(dates()).toEqual([['booting', since], ['database-away', since]]) // prettier-ignore
    now += 60_000
    facts = { ...facts, databaseOutage: 'another cause of the same' }
    expect(dates()).toEqual([['booting', since], ['database-away', since]]) // prettier-ignore
    facts = { ...facts, phase: 'running', quiet: true }
    expect(dates()).toEqual([['quiet', '2030-01-01T00:01:00.000Z'], ['database-away', since]]) // prettier-ignore
    facts = well
    expect(dates()).toEqual([])
    now += 60_000
    facts = { ...well, databaseOutage: 'again' }
    expect(dates()).toEqual([['database-away', '2030-01-01T00:02:00.000Z']])
    expect(health.live().ok).toBe(true)
  })
})
