import type { Mutant } from './mutant.ts'

/** Mutants of deliveries: which worker may execute an intent, when, and what is on record if it dies meanwhile. */
export const deliveryMutants: readonly Mutant[] = [
  {
    name: 'claim without the lease check',
    because: 'A worker that was away sends what it prepared long ago.',
    edits: [
      {
        file: 'src/infra/postgres/intents/start-batch.ts',
        text: `AND CASE WHEN i.state = 'claimed' THEN i.lease_until > now() END`,
        becomes: `AND i.state = 'claimed'`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/process/worker-frozen-beyond-its-lease-drops-its-mail.test.ts',
      test: 'a worker frozen until its lease expires drops the mail that it had prepared, as its recipient is gone',
    },
    fails: 'assertion',
  },
  {
    name: 'outcome written before the send',
    because: 'A daemon that dies in between leaves a mail that counts as sent and never was.',
    edits: [
      {
        file: 'src/delivery/send.ts',
        text: '    const performed = await perform(channel, intent, started, message, slot, signal, attempt.traceparent)',
        becomes: `    await attempt.settle({ is: 'final', state: channel.name === 'email' ? 'sent' : 'delivered', reason: null }, { deliveryLog: channel.deliveryLog })
    const performed = await perform(channel, intent, started, message, slot, signal, attempt.traceparent)`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/process/kill-before-final-dot-sends-the-mail-once.test.ts',
      test: 'SIGKILL while the relay delays its reply to the recipient: the mail was not transmitted, and is sent once',
    },
    fails: 'assertion',
  },
  {
    name: 'handing_over written after the dot',
    because: 'A daemon that dies in between leaves a mail that went out and looks as if it had not: it is sent again, uncounted.',
    edits: [
      {
        file: 'src/delivery/send.ts',
        text: `    const started = await start(executor, kind, channel, intent, message, slot, attempt, signal)
    if (started === null) return attempt.executed
    permit.begin()
    const sending = slot
    attempt.enter('send', () => sending.stage?.() ?? null)
    const performed = await perform(channel, intent, started, message, slot, signal, attempt.traceparent)`,
        becomes: `    const frozen = intent.frozen ?? onlyValue(await channel.freeze([{ intent, message }]))
    permit.begin()
    const sending = slot
    attempt.enter('send', () => sending.stage?.() ?? null)
    const performed = await perform(channel, intent, frozen, message, slot, signal, attempt.traceparent)
    const started = await start(executor, kind, channel, intent, message, slot, attempt, signal)
    if (started === null) return attempt.executed`,
      },
      {
        file: 'src/delivery/send.ts',
        text: '      channel.begin?.(frozen, slot)\n',
        becomes: '',
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/process/kill-at-final-dot-under-both-policies.test.ts',
      test: 'SIGKILL at the final dot with MAIL_AMBIGUOUS=hold: the mail is held for the operator and never sent again',
    },
    fails: 'assertion',
  },
  {
    name: 'body sent before its start is committed',
    because: 'A daemon that dies in between leaves a mail that went out and looks as if it had not: it is sent again, uncounted.',
    edits: [
      {
        file: 'src/infra/mail/smtp/lazy-body.ts',
        text: '    this.#held = held\n',
        becomes: '    this.#held = false\n',
      },
    ],
    scenario: {
      project: 'e2e',
      file: 'test/e2e/mail-body-waits-for-the-commit-of-its-start.test.ts',
      test: 'while the start of a mail waits for the database, the relay has its envelope and nothing of its body',
    },
    fails: 'assertion',
  },
  {
    name: 'retry after the second ambiguous',
    because: 'A mail whose reply is lost each time is sent forever.',
    edits: [
      {
        file: 'src/infra/postgres/intents/lease-expiry.ts',
        text: `CASE WHEN $2 OR ambiguous > 0 THEN 'held' ELSE 'ambiguous' END`,
        becomes: `CASE WHEN $2 THEN 'held' ELSE 'ambiguous' END`,
      },
      {
        file: 'src/infra/postgres/intents/settle-statement.ts',
        text: `WHEN s.hold OR i.ambiguous > (i.state = 'ambiguous')::int THEN 'held'`,
        becomes: `WHEN s.hold THEN 'held'`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/process/mail-in-doubt-twice-is-held.test.ts',
      test: 'two daemons killed at the final dot of one mail: the third holds it for the operator and does not send it',
    },
    fails: 'assertion',
  },
  {
    name: 'hand-over without the claim bound',
    because: 'A process claims more than it can carry out, the newest first, and the leases run out in its queue.',
    edits: [
      {
        file: 'src/delivery/claim-loop.ts',
        text: 'mayOvertake: (channel) => (short.has(channel) ? Math.min(allowed(channel), queue.free(channel)) : 0),',
        becomes: 'mayOvertake: (channel) => allowed(channel),',
      },
      {
        file: 'src/delivery/worker-pool.ts',
        text: 'Math.max(0, Math.min(freeWorkers(), claiming.mayOvertake(channel)))',
        becomes: 'Math.max(0, Math.min(1_000, claiming.mayOvertake(channel)))',
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/smtp/slow-relay-bounds-the-number-of-claims.test.ts',
      test: 'while the relay is slow, a process claims at most one and a half times its workers, the oldest intents first',
    },
    fails: 'assertion',
  },
  {
    name: 'webhook started whatever its reward says',
    because: 'A reward that the platform has just revoked is delivered.',
    edits: [
      {
        file: 'src/consumers/reward/reward-rows.ts',
        text: ' AND ${deliverable}\n',
        becomes: '\n',
      },
      {
        file: 'src/consumers/reward/reward-rows.ts',
        text: 'import { codeColumn, codeTemplateColumn, deliverable }',
        becomes: 'import { codeColumn, codeTemplateColumn }',
      },
    ],
    scenario: {
      project: 'e2e',
      file: 'test/e2e/reward-changed-during-its-delivery.test.ts',
      test: 'a revocation that is being written when a delivery starts prevents it; changes by the platform during a delivery are kept, and the delivery is counted',
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
        becomes: '  readonly #observe: Observe\n  readonly #shared = new Map<ChannelName, FailureGate<string>>()\n',
      },
      {
        file: 'src/delivery/destinations.ts',
        text: '    const breaker = new FailureGate<string>({ ...pause,',
        becomes: '    const own = new FailureGate<string>({ ...pause,',
      },
      {
        file: 'src/delivery/destinations.ts',
        text: '    return { channel, destination, breaker, pace: new PaceMeter(), inFlight: [], workedAt: -Infinity, probing: false }',
        becomes: `    const breaker = this.#shared.get(channel) ?? own
    this.#shared.set(channel, breaker)
    return { channel, destination, breaker, pace: new PaceMeter(), inFlight: [], workedAt: -Infinity, probing: false }`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/webhook/open-breaker-affects-only-its-endpoint.test.ts',
      test: 'while the breaker of a dead endpoint is open, a reward for another endpoint is delivered at the first attempt',
    },
    fails: 'assertion',
  },
]
