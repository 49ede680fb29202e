import { describe, expect, it } from 'vitest'
import { auditWithRetry, auditSentences, busySentence, requireCorrect, verdictOf } from '../../../src/leaderboard/audit.ts'
import type { Busy, CampaignAudit, LeaderboardAuditor } from '../../../src/leaderboard/audit.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'

const pending = { state: 'pending', since: new Date(0), dueAt: new Date(1_000), reason: null } as const
const right: CampaignAudit = {
  campaignId: 'C',
  people: 40,
  misplaced: 0,
  stale: 0,
  differences: 0,
  first: [],
  pending: null,
  repaired: null,
}
const stale: CampaignAudit = { ...right, stale: 1, differences: 3, first: [{ userId: 'U', stored: null, right: 38 }] }
const misplaced: CampaignAudit = {
  ...right,
  misplaced: 2,
  differences: 2,
  first: [
    { userId: 'U', stored: 3, right: 2 },
    { userId: 'V', stored: 2, right: null },
  ],
}
const locked: Busy = { campaignId: 'C', busy: 'lock', holder: { pid: 4711, application: 'kafka-worker', seconds: 43 } }

describe('the verdict of an audit', () => {
  it.each([
    ['right', right],
    ['repaired', { ...misplaced, repaired: 2 }],
    ['pending', { ...stale, pending }],
    ['stale', stale],
    ['misplaced', { ...misplaced, stale: 1, pending }],
  ] as const)('is %s', (verdict, audit) => {
    expect(verdictOf(audit)).toBe(verdict)
  })

  it('leaves nothing to the operator where it is right, repaired, or a recalculation is pending', () => {
    expect(() => requireCorrect([right, { ...misplaced, repaired: 2 }, { ...stale, pending }], [], 5_000)).not.toThrow()
  })

  it('is one sentence with the way out for what is left', () => {
    expect(() => requireCorrect([misplaced, right, misplaced], [], 5_000)).toThrow(
      'Left: misplaced rows in 2 campaigns: run the audit with --repair.',
    )
    expect(() => requireCorrect([stale], [], 5_000)).toThrow('requests one within LEADERBOARD_SWEEP_MS=5000')
    expect(() => requireCorrect([], [locked], 5_000)).toThrow('1 campaign locked by other sessions: run the audit again')
  })
})

describe('the report of an audit', () => {
  it('is one line where all is right', () => {
    expect(auditSentences(right)).toEqual(['Campaign C: 40 participants, 0 differences.'])
  })

  it('distinguishes misplaced from stale, names the first who differ, and says what is pending', () => {
    expect(auditSentences({ ...misplaced, stale: 1, differences: 9, pending })).toEqual([
      'Campaign C: 40 participants, 9 differences from a full ranking.',
      '  2 rows are misplaced: the position does not follow from the stored scores (a row deleted physically, a created_at or a position edited by hand). Recalculations rarely notice that.',
      '  1 row is stale: changed since it was ranked. A recalculation is pending since 1970-01-01T00:00:00.000Z, due at 1970-01-01T00:00:01.000Z.',
      '  person U: 3, should be 2',
      '  person V: 2, should be not ranked',
      '  and 7 more.',
    ])
    expect(auditSentences({ ...stale, differences: 1, repaired: 1 }).slice(1)).toEqual([
      '  1 row is stale: changed since it was ranked. No recalculation is pending.',
      '  person U: not ranked, should be 38',
      '  Repaired: 1 row written.',
    ])
  })

  it('says of a busy campaign who holds it, as far as that can be seen, and what to do', () => {
    expect(busySentence(locked, 10_000)).toBe(
      'Campaign C was not audited: its lock was held for 10 s by a recalculation or a frozen process (PostgreSQL process 4711 of kafka-worker, in a transaction for 43 s). ' +
        'Nothing was changed. Run the audit again in a minute; if the same session still holds the lock, end it with SELECT pg_terminate_backend(4711).',
    )
    expect(busySentence({ ...locked, holder: null }, 10_000)).toContain('end the session that pg_locks shows.')
    expect(busySentence({ ...locked, holder: { pid: 1, application: null, seconds: null } }, 10_000)).toContain('(PostgreSQL process 1)')
    expect(busySentence({ ...locked, busy: 'rows' }, 10_000)).toContain('End the transaction that pg_stat_activity shows')
  })
})

describe('an audit of a campaign that is busy', () => {
  it('is tried again, and done as soon as nobody has it any more', async () => {
    const { auditor, reported } = after(3)
    expect(await auditWithRetry(auditor, 'C', { repair: false, waitMs: 10_000, clock: createAutoAdvancingClock() })).toBe(right)
    expect(reported).toEqual({ tries: 4, askedWho: 0 })
  })

  it('is given up after the wait, with who holds its lock', async () => {
    const clock = createAutoAdvancingClock()
    const from = clock.now()
    const { auditor, reported } = after(Infinity)
    expect(await auditWithRetry(auditor, 'C', { repair: true, waitMs: 10_000, clock })).toEqual(locked)
    expect(clock.now() - from).toBe(10_000)
    expect(reported).toEqual({ tries: 41, askedWho: 1 })
    const rows = await auditWithRetry(after(Infinity, 'rows').auditor, 'C', { repair: true, waitMs: 0, clock })
    expect(rows).toEqual({ campaignId: 'C', busy: 'rows', holder: null })
  })
})

/** An auditor whose campaign is busy for so many tries. */
function after(tries: number, busy: Busy['busy'] = 'lock') {
  const reported = { tries: 0, askedWho: 0 }
  const auditor: LeaderboardAuditor = {
    campaigns: () => Promise.resolve([]),
    audit: () => Promise.resolve(++reported.tries > tries ? right : { campaignId: 'C', busy }),
    holder: () => {
      reported.askedWho++
      return Promise.resolve(locked.holder)
    },
  }
  return { auditor, reported }
}
