import type { Mutant } from './mutant.ts'

const session = 'test/contract/postgres/outbox-session.test.ts'
const betweenAcknowledgementAndMark = {
  project: 'faults',
  file: 'test/faults/process/kill-between-acknowledgement-and-mark-of-the-outbox.test.ts',
  test: 'SIGKILL between the acknowledgement and the mark of an outbox block: it is sent again under the same ids, and counted once',
} as const

/** Mutants of publishing in transactions. */
export const outboxMutants: readonly Mutant[] = [
  {
    name: 'outbox rows are marked before they are sent',
    because: 'A kill between the mark and the send loses the events of a block.',
    edits: [
      {
        file: 'src/outbox/outbox-relay.ts',
        text: '    const { published, repeated, failed, trouble, ...outcome } = await publishBlock(',
        becomes:
          "    await session.settle(rows, [])\n    observe({ is: 'outbox-sent', shard: shard.number, events: rows.length })\n    const { published, repeated, failed, trouble, ...outcome } = await publishBlock(",
      },
    ],
    scenario: betweenAcknowledgementAndMark,
    fails: 'assertion',
  },
  {
    name: 'a row of an outbox that is committed late stays behind the last published one',
    because: 'An event of a slow transaction is never published.',
    edits: [
      {
        file: 'src/outbox/postgres-outbox-session.ts',
        text: 'FROM worker.outbox WHERE shard = $1::int AND ${unpublished} ORDER BY position LIMIT $2',
        becomes:
          'FROM worker.outbox WHERE shard = $1::int AND ${unpublished} AND position > (SELECT coalesce(max(position), 0) FROM worker.outbox WHERE shard = $1::int AND published_at IS NOT NULL) ORDER BY position LIMIT $2',
      },
    ],
    scenario: {
      project: 'contract',
      file: session,
      test: 'a position that is committed late is found although higher ones were published',
    },
    fails: 'assertion',
  },
  {
    name: 'relays of the outbox share the lock of a shard',
    because: 'Two processes publish the same shard all the time, and every event twice.',
    edits: [
      {
        file: 'src/outbox/postgres-outbox-session.ts',
        text: 'SELECT pg_try_advisory_lock(${LOCKS}, $1::int) AS got',
        becomes: 'SELECT pg_try_advisory_lock_shared(${LOCKS}, $1::int) AS got',
      },
    ],
    scenario: { project: 'contract', file: session, test: 'a shard has one relay at a time, and the relays know how many they are' },
    fails: 'assertion',
  },
]
