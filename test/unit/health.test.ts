import { describe, expect, it } from 'vitest'
import { liveness, readiness, type HealthFacts } from '../../src/health.ts'
import type { GroupStatus } from '../../src/worker/group-status.ts'

const running: GroupStatus = { state: 'running', reason: null, partitions: [0] }
const groups = (status: GroupStatus) => new Map([['email-workers', running], ['position-workers', status]]) // prettier-ignore
const well: HealthFacts = { phase: 'running', databaseTrouble: null, groups: groups(running) }

describe('readiness', () => {
  it('is there when the process runs, the database answers and every group can accept', () => {
    expect(readiness(well)).toEqual({
      ok: true,
      checks: { process: { ok: true }, database: { ok: true }, 'email-workers': { ok: true }, 'position-workers': { ok: true } },
    })
  })

  it.each<[string, Partial<HealthFacts>, string, string]>([
    ['booting', { phase: 'booting' }, 'process', 'booting'],
    ['stopping', { phase: 'stopping' }, 'process', 'stopping'],
    ['without a database', { databaseTrouble: 'connection refused' }, 'database', 'connection refused'],
    ['with a group that waits', { groups: groups({ ...running, state: 'waiting', reason: 'database: SQLSTATE none' }) }, 'position-workers', 'database: SQLSTATE none'], // prettier-ignore
    ['with a group that has not joined', { groups: groups({ ...running, state: 'starting' }) }, 'position-workers', 'starting'],
    [
      'with a group that may not start',
      { groups: groups({ ...running, state: 'refused', reason: 'lost range' }) },
      'position-workers',
      'lost range',
    ],
  ])('is not %s, and says why', (_, change, check, reason) => {
    const report = readiness({ ...well, ...change })
    expect(report.ok).toBe(false)
    expect(report.checks[check]).toEqual({ ok: false, reason })
    expect(Object.values(report.checks).filter(({ ok }) => !ok)).toHaveLength(1)
  })
})

describe('liveness', () => {
  it.each<[string, Partial<HealthFacts>]>([
    ['boots', { phase: 'booting', groups: new Map() }],
    ['has no database', { databaseTrouble: 'connection refused' }],
    ['waits', { groups: groups({ ...running, state: 'waiting', reason: 'database away' }) }],
    ['was refused a group', { groups: groups({ ...running, state: 'refused', reason: 'lost range' }) }],
  ])('stays while the process %s: a restart would not help', (_, change) => {
    expect(liveness({ ...well, ...change }).ok).toBe(true)
  })

  it('is gone with a group whose client is lost', () => {
    const report = liveness({ ...well, groups: groups({ ...running, state: 'lost', reason: 'five crashes in a row' }) })
    expect(report.ok).toBe(false)
    expect(report.checks['position-workers']).toEqual({ ok: false, reason: 'five crashes in a row' })
  })
})
