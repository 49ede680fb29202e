import type { Mutant } from './mutant.ts'

/** Of the positions. */
export const leaderboardMutants: readonly Mutant[] = [
  {
    name: 'lock taken inside the ranking statement',
    because: 'A run that waited for the lock ranks the table as it was before the wait, and the positions look clean.',
    edits: [
      {
        file: 'src/leaderboard/ranking-run.ts',
        text: 'SELECT pg_try_advisory_xact_lock(${campaignLock}) AS acquired,',
        becomes: 'SELECT $1::uuid IS NOT NULL AS acquired,',
      },
      { file: 'src/leaderboard/postgres-leaderboard.ts', text: 'const lockTimeoutMs = 500', becomes: 'const lockTimeoutMs = 60_000' },
      {
        file: 'src/leaderboard/windows.ts',
        text: 'WITH setting AS MATERIALIZED (',
        becomes: `WITH lock AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended('leaderboard:' || $1::uuid, 0))),\nsetting AS MATERIALIZED (`,
      },
      {
        file: 'src/leaderboard/windows.ts',
        text: 'FROM (${settingOfCampaign}) AS s\n',
        becomes: 'FROM (${settingOfCampaign}) AS s WHERE EXISTS (SELECT FROM lock)\n',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/leaderboard-lock.test.ts',
      test: 'a recalculation that waits for another never writes what it read before the other ended',
    },
    fails: 'assertion',
  },
  {
    name: 'no lock on the campaign',
    because: 'Two recalculations rank from the same state, and the later one overwrites the positions of the earlier.',
    edits: [
      {
        file: 'src/leaderboard/ranking-run.ts',
        text: 'SELECT pg_try_advisory_xact_lock(${campaignLock}) AS acquired,',
        becomes: 'SELECT $1::uuid IS NOT NULL AS acquired,',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/leaderboard.test.ts',
      test: 'keeps ranks dense in every committed snapshot, with concurrent recalculations and a platform that writes',
    },
    fails: 'assertion',
  },
  {
    name: 'score of the live row',
    because: 'A score that does not belong to the position beside it looks clean forever.',
    edits: [
      {
        file: 'src/leaderboard/rule.ts',
        text: 'SET position = c.new_position, ranked_score = c.score, ranked_ppr = c.points',
        becomes: "SET position = c.new_position, ranked_score = ${scoreBy('c.points')}, ranked_ppr = c.points",
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/leaderboard.test.ts',
      test: 'stores the score that it read, not that of a row that the platform changes meanwhile',
    },
    fails: 'assertion',
  },
  {
    name: 'no dirty check of who joined',
    because: 'Only who stands in the ranking is looked at, and newcomers never get there.',
    edits: [
      {
        file: 'src/leaderboard/windows.ts',
        text: 'WHERE u.campaign_id = $1 AND ${isDirty}',
        becomes: 'WHERE u.campaign_id = $1 AND u.ranked_score IS NOT NULL AND ${isDirty}',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/leaderboard-windows.test.ts',
      test: 'moves all participants after one who joined or left, whatever happens before them',
    },
    fails: 'assertion',
  },
  {
    name: 'no check of what stands in a window',
    because: 'Positions that another program wrote, and gaps, are kept and never repaired.',
    edits: [
      {
        file: 'src/leaderboard/windows.ts',
        text: 'bool_and(position = counted AND',
        becomes: 'bool_and(position IS NOT NULL AND',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/leaderboard-windows.test.ts',
      test: 'ranks the whole campaign when it finds a position written by another program',
    },
    fails: 'assertion',
  },
  {
    name: 'lock of a backfill for one statement only',
    because: 'Between two batches a recalculation ranks the rest, and the next batch counts on from a number that is not its own.',
    edits: [
      {
        file: 'src/leaderboard/postgres-backfill.ts',
        text: 'SELECT ${call}(${campaignLock}) AS done',
        becomes: "SELECT ${call.replace('advisory_lock', 'advisory_xact_lock')}(${campaignLock}) IS NOT NULL AS done",
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/leaderboard-backfill-locks.test.ts',
      test: 'holds the lock of its campaign from the first batch to the end, and no other',
    },
    fails: 'assertion',
  },
  {
    name: 'a backfill that goes on from the beginning',
    because: 'Participants in front of those who have a rank are numbered behind them.',
    edits: [
      {
        file: 'src/leaderboard/first-ranking.ts',
        text: 'WHERE NOT EXISTS (SELECT FROM last) OR',
        becomes: 'WHERE true OR',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/leaderboard-backfill.test.ts',
      test: 'continues after ranked participants without writing them again; those who rank before them follow at the end',
    },
    fails: 'assertion',
  },
  {
    name: 'sweep off and no event',
    because: 'Positions of rows that changed without an event stay wrong forever.',
    edits: [
      {
        file: 'src/daemon/maintenance.ts',
        text: `    if (recalculates) tasks.schedule('leaderboard sweep'`,
        becomes: `    if (recalculates && config.leaderboard.sweepMs < 0) tasks.schedule('leaderboard sweep'`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/postgres/reconciliation-repairs-positions-without-events.test.ts',
      test: 'rows that change without an event (a referral, a blocked person) have their positions corrected within seconds',
    },
    fails: 'deadline',
  },
]
