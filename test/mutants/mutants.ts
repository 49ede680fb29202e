import type { Mutant } from './mutant.ts'

/** Each planted alone; numbered from 1. */
export const mutants: readonly Mutant[] = [
  {
    name: 'commit before accept',
    because: 'Kafka is told of records that no transaction holds; another reader of its offset would pass them.',
    edits: [
      {
        file: 'src/worker/batch-runner.ts',
        text: `    const startedAt = clock.now()\n    const { partition, row, recoverBelow } = progress\n`,
        becomes: `    const startedAt = clock.now()\n    const { partition, row, recoverBelow } = progress\n    of.written({ ...progress, row: chunk.next })\n`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/postgres/kafka-is-told-nothing-that-is-not-accepted.test.ts',
      test: 'while the accept of one partition waits for a lock, Kafka hears of the other partition and nothing of this one',
    },
    fails: 'assertion',
  },
  {
    name: 'no epoch fence',
    because: 'A commit of an assignment that is over goes out in the generation of the next one.',
    edits: [
      {
        file: 'src/infra/kafka/group-member.ts',
        text: 'if (!current || assignment !== current || current.ended || !this.#commitThrough) return false',
        becomes: 'if (!current || !this.#commitThrough) return false',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/kafka/record-source.test.ts',
      test: 'two members share the partitions, and no commit of the old epoch is sent after the rejoin',
    },
    fails: 'assertion',
  },
  {
    name: 'claim without the lease check',
    because: 'A worker that was away sends what it prepared long ago.',
    edits: [
      {
        file: 'src/infra/postgres/start-batch.ts',
        text: `AND state = 'claimed' AND lease_until > now()\n   FOR UPDATE`,
        becomes: `AND state = 'claimed'\n   FOR UPDATE`,
      },
      {
        file: 'src/infra/postgres/start-batch.ts',
        text: `AND CASE WHEN i.state = 'claimed' THEN i.lease_until > now() END`,
        becomes: `AND i.state = 'claimed'`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/process/a-worker-that-wakes-after-its-lease-sends-nothing.test.ts',
      test: 'a worker that is frozen until its lease is over drops the mail that it had prepared: its reader has gone meanwhile',
    },
    fails: 'assertion',
  },
  {
    name: 'outcome written before the send',
    because: 'A daemon that dies in between leaves a mail that counts as sent and never was.',
    edits: [
      {
        file: 'src/delivery/hand-over.ts',
        text: '    const performed = await perform(channel, intent, started, message, slot, signal)',
        becomes: `    await attempt.end({ is: 'final', state: channel.name === 'email' ? 'sent' : 'delivered', reason: null }, { ledger: channel.ledger })
    const performed = await perform(channel, intent, started, message, slot, signal)`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/process/a-mail-that-was-not-handed-over-goes-out-after-a-kill.test.ts',
      test: 'SIGKILL while the relay thinks about the recipient: nothing was handed over, and the mail goes out once',
    },
    fails: 'assertion',
  },
  {
    name: 'lock taken inside the ranking statement',
    because: 'Who waited for the lock ranks the table as it was before the wait, and the positions look clean.',
    edits: [
      {
        file: 'src/infra/postgres/leaderboard.ts',
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
    name: 'ON CONFLICT key without the user',
    because: 'Of all mails of a milestone only one is written; the others look like its repetitions.',
    edits: [
      {
        file: 'src/consumers/email/mail-kind.ts',
        text: 'key: `mail:${eventId}:${type}:${to.userId}`,',
        becomes: 'key: `mail:${eventId}:${type}`,',
      },
    ],
    scenario: {
      project: 'e2e',
      file: 'test/e2e/each-event-has-its-full-effect.test.ts',
      test: 'each event type has its full effect, and no other',
    },
    fails: 'assertion',
  },
  {
    name: 'handing_over written after the dot',
    because: 'A daemon that dies in between leaves a mail that went out and looks as if it had not: it is sent again, uncounted.',
    edits: [
      {
        file: 'src/delivery/hand-over.ts',
        text: `    const started = await start(executor, kind, channel, intent, message, attempt)
    if (started === null) return attempt.executed
    const performed = await perform(channel, intent, started, message, slot, signal)`,
        becomes: `    const frozen = intent.frozen ?? (await channel.freeze(intent, message))
    const performed = await perform(channel, intent, frozen, message, slot, signal)
    const started = await start(executor, kind, channel, intent, message, attempt)
    if (started === null) return attempt.executed`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/process/a-kill-at-the-final-dot-doubles-only-what-is-counted.test.ts',
      test: 'SIGKILL at the final dot, under MAIL_AMBIGUOUS=hold: the mail is held for the operator and never sent again',
    },
    fails: 'assertion',
  },
  {
    name: 'breaker shared by all endpoints',
    because: 'One dead tenant stops the deliveries to all others.',
    edits: [
      {
        file: 'src/delivery/destinations.ts',
        text: '  readonly #observe: Observe\n',
        becomes: '  readonly #observe: Observe\n  readonly #shared = new Map<ChannelName, Breaker>()\n',
      },
      {
        file: 'src/delivery/destinations.ts',
        text: '    const breaker = new Breaker(rules[channel]?.failures ?? Infinity, (change, reason) => {',
        becomes: '    const own = new Breaker(rules[channel]?.failures ?? Infinity, (change, reason) => {',
      },
      {
        file: 'src/delivery/destinations.ts',
        text: '    const known: Known = { channel, destination, breaker, inside: 0, probing: false }',
        becomes: `    const breaker = this.#shared.get(channel) ?? own
    this.#shared.set(channel, breaker)
    const known: Known = { channel, destination, breaker, inside: 0, probing: false }`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/webhook/a-dead-endpoint-closes-no-other.test.ts',
      test: 'while the breaker of a dead endpoint is open, a reward for another endpoint is delivered at its first try',
    },
    fails: 'assertion',
  },
  {
    name: 'progress row ignored',
    because: 'An assignment starts where Kafka says; what lies between the row and there is never accepted.',
    edits: [
      {
        file: 'src/worker/worker.ts',
        text: 'return new Map([...partitions.values()].map(({ partition, row }) => [partition, row]))',
        becomes:
          'return new Map([...partitions.values()].map(({ partition, row }) => [partition, found.committed.get(partition)?.offset ?? row]))',
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/kafka/an-offset-moved-ahead-by-a-tool-skips-nothing.test.ts',
      test: 'an offset that another tool moved ahead, over records that nobody accepted: the group starts at its row and passes none of them',
    },
    fails: 'assertion',
  },
  {
    name: 'progress row overwritten without comparing',
    because: 'Two owners of one partition both write, and the slower one takes the row back.',
    edits: [
      {
        file: 'src/infra/postgres/accept-store.ts',
        text: 'AND partition = $3 AND next_offset = $4',
        becomes: 'AND partition = $3 AND $4::bigint IS NOT NULL',
      },
      {
        file: 'src/infra/postgres/accept-store.ts',
        text: 'AND p.partition = held.partition AND p.next_offset = moves.expected',
        becomes: 'AND p.partition = held.partition',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/accept-store.test.ts',
      test: 'of two owners of one partition exactly one writes',
    },
    fails: 'assertion',
  },
  {
    name: 'hand-over without the claim bound',
    because: 'A process claims more than it can carry out, the newest first, and the leases run out in its queue.',
    edits: [
      {
        file: 'src/delivery/claiming.ts',
        text: 'mayOvertake: (channel) => (short.has(channel) ? allowed(channel) : 0),',
        becomes: 'mayOvertake: (channel) => allowed(channel),',
      },
      {
        file: 'src/delivery/intent-workers.ts',
        text: 'Math.max(0, Math.min(room() - ahead, claiming.mayOvertake(channel)))',
        becomes: 'Math.max(0, Math.min(1_000, claiming.mayOvertake(channel)))',
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/smtp/a-slow-relay-lets-nobody-claim-more-than-the-workers.test.ts',
      test: 'while the relay thinks, a process claims no more than its workers and one half more, and nothing new before what is older',
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
  {
    name: 'retry after the second ambiguous',
    because: 'A mail whose reply is lost each time is sent for ever.',
    edits: [
      {
        file: 'src/infra/postgres/lease-expiry.ts',
        text: `CASE WHEN $2 OR ambiguous > 0 THEN 'held' ELSE 'ambiguous' END`,
        becomes: `CASE WHEN $2 THEN 'held' ELSE 'ambiguous' END`,
      },
      {
        file: 'src/infra/postgres/settle-statement.ts',
        text: `WHEN s.hold OR i.ambiguous > (i.state = 'ambiguous')::int THEN 'held'`,
        becomes: `WHEN s.hold THEN 'held'`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/process/a-mail-in-doubt-twice-is-held.test.ts',
      test: 'two daemons killed at the final dot of one mail: the third sends it no more, it is held for the operator',
    },
    fails: 'assertion',
  },
]
