import type { Mutant } from './mutant.ts'

/** Of the positions. */
export const leaderboardMutants: readonly Mutant[] = [
  {
    name: 'lock taken inside the ranking statement',
    because: 'Who waited for the lock ranks the table as it was before the wait, and the positions look clean.',
    edits: [
      {
        file: 'src/infra/postgres/rank-run.ts',
        text: `SELECT pg_try_advisory_xact_lock(hashtextextended('leaderboard:' || $1::uuid, 0)) AS got,`,
        becomes: 'SELECT $1::uuid IS NOT NULL AS got,',
      },
      { file: 'src/infra/postgres/leaderboard.ts', text: 'const lockTimeoutMs = 500', becomes: 'const lockTimeoutMs = 60_000' },
      {
        file: 'src/infra/postgres/full-rank.ts',
        text: 'WITH scored AS (',
        becomes: `WITH lock AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended('leaderboard:' || $1::uuid, 0))),\nscored AS (`,
      },
      {
        file: 'src/infra/postgres/full-rank.ts',
        text: 'WHERE u.campaign_id = $1 AND ${isRanked}\n),',
        becomes: 'WHERE EXISTS (SELECT FROM lock) AND u.campaign_id = $1 AND ${isRanked}\n),',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/leaderboard-lock.test.ts',
      test: 'a recalculation that meets another one never writes what it read before the other had ended',
    },
    fails: 'assertion',
  },
  {
    name: 'sweep off and no event',
    because: 'Positions of rows that changed without an event stay wrong for ever.',
    edits: [
      {
        file: 'src/chores.ts',
        text: `    if (recalculates) tasks.keep('leaderboard sweep'`,
        becomes: `    if (recalculates && config.leaderboard.sweepMs < 0) tasks.keep('leaderboard sweep'`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/postgres/positions-are-mended-without-an-event.test.ts',
      test: 'rows that change without an event (a referral, a blocked person) have their positions mended within seconds',
    },
    fails: 'deadline',
  },
]
