import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../../../cmd/workerctl/run.ts'
import type { GroupLagReport, PartitionReport } from '../../../../src/admin/lag/lag-report.ts'
import { findProblems } from '../../../../src/admin/status/find-problems.ts'
import { findingKinds, type FindingKind } from '../../../../src/admin/status/finding.ts'
import type { GroupFacts, StatusFacts } from '../../../../src/admin/status/status-facts.ts'
import packageJson from '../../../../package.json' with { type: 'json' }

const since = new Date('2030-01-31T12:00:00Z')
const partition: PartitionReport = {
  partition: 0,
  word: 'ok',
  sentence: 'Read to the end.',
  lag: 0n,
  secondsBehind: 0,
  stillSince: null,
  committed: 5n,
  end: 5n,
  next: null,
  owner: { memberId: 'm', address: '127.0.0.1', host: 'one', pid: 1 },
}
const report: GroupLagReport = {
  group: 'stage-email-workers',
  topic: 'domain-events',
  verdict: { word: 'ok', sentence: '' },
  cause: null,
  lag: 0n,
  secondsBehind: 0,
  members: 1,
  scalableBacklog: 0,
  due: [],
  away: [],
  slow: [],
  oldestDueSeconds: 0,
  partitions: [partition],
  partitionCount: 1,
}
const group: GroupFacts = {
  name: 'email-workers',
  group: 'stage-email-workers',
  topic: 'domain-events',
  report,
  offsets: [],
  isMissing: false,
  isExpected: true,
}
const well: StatusFacts = {
  database: null,
  schema: null,
  kafka: null,
  unread: [],
  groups: [group],
  blocked: [],
  slow: [],
  quiet: [],
  roundTripMs: 3,
  deadIntents: [],
  deadLetters: [],
  work: [{ group: group.group, held: 0, abandoned: 0 }],
  outbox: { due: 3, failed: 0, oldestSeconds: 0.4 },
  pauses: [],
  channels: [
    { name: 'email', sole: 'relay', destination: 'SMTP relay', deliveries: 'mails', isSerial: false },
    { name: 'webhook', sole: null, destination: 'endpoint', deliveries: 'rewards', isSerial: false },
  ],
}
const of = (more: Partial<GroupLagReport>): Partial<StatusFacts> => ({ groups: [{ ...group, report: { ...report, ...more } }] })
const offsets = (state: 'topic-recreated' | 'data-lost', sentence: string): Partial<StatusFacts> => ({
  groups: [{ ...group, offsets: [{ partition: 3, row: 5n, committed: 5n, low: 9n, high: 20n, lag: null, state, sentence }] }],
})
const letters = (...hours: readonly number[]) => ({
  deadLetters: hours.map((hour, index) => {
    const type = hours.length === 1 ? null : `type-${index}`
    return { group: group.group, reason: 'not-json', type, day: 70, hour, last: since }
  }),
})
const dead = (count: number, kind: string, reason: string | null) => ({ group: group.group, kind, reason, count, last: since })
const campaign = '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33'
const event = '7b0c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3'
const away = { channel: 'email', destination: 'relay', reason: 'relay-credentials-refused', since, waiting: 0 }
const still = { ...partition, lag: 3n, stillSince: since, next: { offset: 5n, type: 'user.signed_up', eventId: event } }
const stuck = `Group stage-email-workers has stood still since 2030-01-31T12:00:00.000Z at offset 5 of partition 0 (user.signed_up, event ${event})`
const blocker = { pid: 99, application: 'psql', state: 'idle in transaction', forMs: 60_000 }
const waited =
  'UPDATE worker.progress of "kafka-worker accept" (pid 11) has waited 4 s for a lock of "psql" with pid 99 (idle in transaction), whose transaction has been open for 60 s.'
const worked = 'The database has worked for 9 s on UPDATE worker.progress of'
const lock = { pid: 11, application: 'kafka-worker accept', statement: 'UPDATE worker.progress', forMs: 4_000 }
const owner = { memberId: 'a', address: '127.0.0.1', host: 'a-host.example.com', pid: 9470 }
const quiet = { pid: 9470, host: 'a-host', since }
const crowded = { channel: 'email', count: 160, campaignCount: 3, oldestMs: 15_000, campaigns: [{ campaignId: campaign, count: 150 }] }
const cause = { is: 'event' as const, sentence: 'The cause.' }
/** A group that reads nothing for its backlog, of many campaigns. */
const full = {
  lag: 900n,
  due: [{ ...crowded, count: 400, campaignCount: 40, oldestMs: 70_000, campaigns: [] }],
  partitions: [{ ...still, word: 'stalled' as const, secondsBehind: 70 }],
}

const SESSIONS =
  'SELECT pid, pg_blocking_pids(pid) AS blocked_by, application_name, state, query FROM pg_stat_activity WHERE datname = current_database()'

const cases: readonly (readonly [FindingKind, Partial<StatusFacts>, sentence: string, command: string])[] = [
  ['database-away', { database: 'The database does not answer.' }, 'The database does not answer.', 'doctor --only database'],
  ['kafka-away', { kafka: 'No broker answers.' }, 'No broker answers.', 'doctor --only login'],
  ['schema', { schema: 'Run "npm run workerctl -- migrate" first.' }, 'Run "npm run workerctl -- migrate" first.', 'migrate'],
  ['schema', { schema: 'The role may not SELECT.' }, 'The role may not SELECT.', 'doctor --only rights'],
  ['topic-missing', { groups: [{ ...group, report: null, isMissing: true }] }, 'Topic domain-events does not exist on these brokers.', 'topics apply'],
  ['topic-recreated', offsets('topic-recreated', 'it was'), 'Topic domain-events was recreated since stage-email-workers read it: unread records of the old one are lost, and those of the new one have not been read.', 'offsets reset --group stage-email-workers --to earliest --accept-loss'],
  ['data-lost', offsets('data-lost', 'records 5 to 8 were deleted'), 'Group stage-email-workers has lost data of partition 3: records 5 to 8 were deleted.', 'offsets reset --group stage-email-workers --partition 3 --to earliest --accept-loss'],
  ['no-member', of({ members: 0, lag: 12n }), 'No process runs stage-email-workers, which is behind by 12 records.', 'KAFKA_GROUPS=email-workers npm start'],
  ['no-member', of({ partitions: [partition, { ...partition, partition: 1, owner: null }] }), 'No process of stage-email-workers reads partition 1, although others run: an added one is noticed within about a minute, and one more process makes the group share them all again.', 'KAFKA_GROUPS=email-workers HTTP_PORT=0 npm start'],
  ['statement-blocked', { blocked: [{ ...lock, by: blocker }, { ...lock, by: blocker }] }, waited, `psql "$DATABASE_URL" -c 'SELECT pg_terminate_backend(99)'`],
  ['statement-blocked', { ...of({ partitions: [still] }), blocked: [{ ...lock, by: blocker }] }, `${waited} ${stuck}.`, `psql "$DATABASE_URL" -c 'SELECT pg_terminate_backend(99)'`],
  ['statement-blocked', { ...of({ partitions: [still] }), blocked: [{ ...lock, pid: null, application: null, forMs: null, by: blocker }] }, `Locks of UPDATE worker.progress are held by "psql" with pid 99 (idle in transaction), whose transaction has been open for 60 s. ${stuck}.`, `psql "$DATABASE_URL" -c 'SELECT pg_terminate_backend(99)'`],
  ['database-slow', { ...of({ partitions: [still, { ...still, partition: 1 }] }), slow: [{ ...lock, forMs: 9_000 }] }, `${worked} "kafka-worker accept" (pid 11). ${stuck}, and 1 more partition.`, `psql "$DATABASE_URL" -c 'SELECT * FROM pg_stat_activity WHERE pid = 11'`],
  ['database-slow', { roundTripMs: 300 }, 'The database is slow: a round trip to it takes 300 ms from here, and every statement at least as long.', `psql "$DATABASE_URL" -c 'SELECT * FROM pg_stat_activity'`],
  ['campaign-hot', of({ lag: 1n, due: [crowded], partitions: [still] }), `Campaign ${campaign} has 150 of the 160 due intents of the email channel of stage-email-workers, the oldest for 15 s, and 1 event is unread meanwhile: while it is paused, the others go on.`, `pause campaign ${campaign} --group stage-email-workers --owner NAME --because hot --for 1h`],
  ['statement-blocked', { blocked: [{ ...lock, by: { ...blocker, application: 'kafka-worker delivery' } }] }, waited.replace('"psql"', '"kafka-worker delivery"'), `psql "$DATABASE_URL" -c 'SELECT * FROM pg_stat_activity WHERE pid = 99'`],
  ['process-quiet', { quiet: [quiet], ...of({ partitions: [{ ...still, owner }, { ...still, partition: 1, owner, word: 'stalled' }], lag: 900n, secondsBehind: 60, verdict: { word: 'falling-behind', sentence: '' } }) }, 'Process 9470 on a-host is quiet: it has taken no new work since 2030-01-31T12:00:00.000Z, and keeps its partitions.', 'kill -CONT 9470'],
  ['stalled', of({ partitions: [still] }), `${stuck}. It belongs to process 1 on one.`, `timeline --event ${event}`],
  ['stalled', of({ cause, partitions: [{ ...partition, word: 'stalled', secondsBehind: 300, next: { offset: 5n, type: 'user.signed_up', eventId: event } }] }), `Group stage-email-workers reads nothing of partition 0; its oldest record is 5 min old. Nothing behind offset 5 of partition 0 (user.signed_up, event ${event}) is read.`, `timeline --event ${event}`],
  ['destination-away', of({ away: [away] }), 'The SMTP relay accepts no mails (relay-credentials-refused, since 2030-01-31T12:00:00.000Z): it refuses the login; correct user and password in SMTP_URL, and restart.', 'doctor --only smtp'],
  ['work-abandoned', { work: [{ group: group.group, held: 0, abandoned: 4 }] }, '4 intents of stage-email-workers are claimed by a worker that is gone, and no daemon takes them back.', 'KAFKA_GROUPS=email-workers npm start'],
  ['dead-letter-flood', letters(50), '50 dead letters of stage-email-workers in the last hour: not-json, type unknown, last at 2030-01-31T12:00:00.000Z.', 'dlq groups --group stage-email-workers --reason not-json'],
  ['intents-late', of({ due: [{ channel: 'email', count: 7, campaignCount: 1, oldestMs: 120_000, campaigns: [] }] }), '7 intents of stage-email-workers in channel email are due, the oldest for 2 min.', 'intents list --group stage-email-workers --state pending'],
  ['intents-late', of({ ...full, cause }), '400 intents of stage-email-workers in channel email are due, the oldest for 70 s. The group reads nothing until they are done.', 'intents list --group stage-email-workers --state pending'],
  ['falling-behind', of({ verdict: { word: 'falling-behind', sentence: '' }, lag: 900n, secondsBehind: 60 }), 'Group stage-email-workers falls behind: 900 records, the oldest 60 s old.', 'KAFKA_GROUPS=email-workers HTTP_PORT=0 npm start'],
  ['falling-behind', of({ verdict: { word: 'falling-behind', sentence: '' }, lag: 900n, secondsBehind: 60, cause }), 'Group stage-email-workers falls behind: 900 records, the oldest 60 s old. The cause.', 'lag --group stage-email-workers'],
  ['endpoint-away', of({ away: [{ ...away, channel: 'webhook', destination: campaign, reason: 'http-503', waiting: 4 }] }), `Endpoint ${campaign} accepts no rewards (http-503, since 2030-01-31T12:00:00.000Z); its owner must fix it. 4 rewards wait for it.`, `intents list --destination ${campaign}`],
  ['paused', { pauses: [{ id: '1', scope: 'campaign', group: null, target: campaign, owner: 'an operator', because: 'import', since, until: since }] }, `Campaign ${campaign} is paused by an operator (import) until 2030-01-31T12:00:00.000Z, since 2030-01-31T12:00:00.000Z.`, `resume campaign ${campaign} --owner NAME`],
  ['outbox-late', { outbox: { due: 9, failed: 0, oldestSeconds: 60 } }, '9 events of the outbox wait to be published, the oldest for 60 s: no daemon with OUTBOX_RELAY=on publishes them.', 'outbox list'],
  ['outbox-failed', { outbox: { due: 0, failed: 2, oldestSeconds: 0 } }, '2 events of the outbox failed and wait until they are requeued.', 'outbox list'],
  ['recalculation-slow', of({ slow: [{ campaignId: campaign, tries: 3, nextTryAt: since }] }), `The recalculation of campaign ${campaign} takes too long: 3 tries in a row failed.`, `leaderboard audit --campaign ${campaign} --repair`],
  ['statement-slow', { slow: [{ ...lock, application: 'kafka-worker delivery', forMs: 9_000 }] }, `${worked} "kafka-worker delivery" (pid 11).`, `psql "$DATABASE_URL" -c 'SELECT * FROM pg_stat_activity WHERE pid = 11'`],
  ['mails-held', { work: [{ group: group.group, held: 2, abandoned: 0 }] }, '2 intents of stage-email-workers are held until an operator decides whether they were sent.', 'intents list --group stage-email-workers --state held'],
  ['intents-dead', { deadIntents: [dead(29, 'reward', 'no-endpoint')] }, '29 intents of stage-email-workers ended dead in the last 24 hours: reward (no-endpoint), last at 2030-01-31T12:00:00.000Z.', 'intents list --group stage-email-workers --state dead --reason no-endpoint'],
  ['intents-dead', { deadIntents: [dead(2, 'reward', 'no-endpoint'), dead(3, 'mail', null)] }, '5 intents of stage-email-workers ended dead in the last 24 hours: 3 mail (no reason); 2 reward (no-endpoint), last at 2030-01-31T12:00:00.000Z.', 'intents list --group stage-email-workers --state dead'],
  ['dead-letters', letters(1), '1 dead letter of stage-email-workers in the last hour: not-json, type unknown, last at 2030-01-31T12:00:00.000Z.', 'dlq groups --group stage-email-workers --reason not-json'],
  ['dead-letter-flood', letters(20, 20, 6, 4), '50 dead letters of stage-email-workers in the last hour: 20 not-json, type type-0; 20 not-json, type type-1; 6 not-json, type type-2; and 1 more kind, last at 2030-01-31T12:00:00.000Z.', 'dlq groups --group stage-email-workers --reason not-json'],
  ['facts-unread', { unread: [{ fact: 'dead letters', table: 'worker.dead_letters', isLocked: true }] }, 'Some facts could not be read (dead letters): another session keeps worker.dead_letters locked.', `psql "$DATABASE_URL" -c '${SESSIONS}'`],
  ['facts-unread', { unread: [{ fact: 'dead intents', table: 'worker.intents', isLocked: false }, { fact: 'due intents', table: 'worker.intents', isLocked: false }, { fact: 'pauses', table: 'worker.pauses', isLocked: false }] }, 'Some facts could not be read (dead intents, due intents and pauses): statements on worker.intents and worker.pauses were cancelled before they ended.', `psql "$DATABASE_URL" -c '${SESSIONS}'`],
] // prettier-ignore

/** All others are bad. */
const warnings = new Set<FindingKind>(['endpoint-away', 'paused', 'outbox-late', 'outbox-failed', 'recalculation-slow', 'statement-slow', 'mails-held', 'intents-dead', 'dead-letters', 'facts-unread']) // prettier-ignore

const program = createProgram({ environment: {}, out: () => undefined, err: () => undefined, isTerminal: false, columns: null, ask: null })
const commands = new Map(leavesOf(program, []))

describe('a problem that workerctl status finds', () => {
  it.each(cases)('is %s, with its severity, sentence and command: %#', (kind, facts, sentence, command) => {
    const whole = /^(?:npm|psql|kill|KAFKA_GROUPS=)/.test(command) ? command : `npm run workerctl -- ${command}`
    expect(findProblems({ ...well, ...facts })).toEqual([
      { kind, severity: warnings.has(kind) ? 'warning' : 'bad', sentence, command: whole },
    ])
  })

  it('has a case here for each kind', () => {
    expect(new Set(cases.map(([kind]) => kind))).toEqual(new Set(findingKinds))
  })

  it('comes in the order of badness, whichever is found first', () => {
    const all: StatusFacts = {
      ...well,
      ...letters(60),
      database: 'The database does not answer.',
      groups: [{ ...group, report: { ...report, members: 0, lag: 3n } }],
      outbox: { due: 9, failed: 2, oldestSeconds: 600 },
      work: [{ group: group.group, held: 1, abandoned: 1 }],
    }
    const found = findProblems(all).map(({ kind }) => kind)
    expect(found).toEqual([
      'database-away',
      'no-member',
      'work-abandoned',
      'dead-letter-flood',
      'outbox-late',
      'outbox-failed',
      'mails-held',
    ])
  })

  it.each(cases.filter(([, , , command]) => !/^(?:npm|psql|kill|KAFKA_GROUPS=)/.test(command)))(
    'names a command of workerctl that exists, with its options: %s',
    (_, __, ___, line) => {
      const found = [...commands].find(([name]) => `${line} `.startsWith(`${name} `))?.[1]
      const flags = [...line.matchAll(/--[a-z-]+/g)].map(([flag]) => flag)
      expect(flags.filter((flag) => !found?.options.some(({ long }) => long === flag))).toEqual([])
      expect(found).toBeDefined()
    },
  )

  it('names a command of npm that exists', () => {
    expect(packageJson.scripts).toMatchObject({ start: expect.any(String), workerctl: expect.any(String) })
  })
})

describe('a lock that kept status from reading', () => {
  const unread = [{ fact: 'dead letters', table: 'worker.dead_letters', isLocked: true }]
  const holding = { pid: null, application: null, statement: 'worker.dead_letters, worker.progress', forMs: null, by: blocker }

  it('is said with its holder although no daemon waits for it', () => {
    const found = findProblems({ ...well, unread, blocked: [holding] })
    expect(found.map(({ kind }) => kind)).toEqual(['statement-blocked', 'facts-unread'])
    expect(found[0]).toMatchObject({
      sentence:
        'Locks of worker.dead_letters, worker.progress are held by "psql" with pid 99 (idle in transaction), whose transaction has been open for 60 s.',
      command: `psql "$DATABASE_URL" -c 'SELECT pg_terminate_backend(99)'`,
    })
  })

  it('is not that of a session that holds others', () => {
    const found = findProblems({ ...well, unread, blocked: [{ ...holding, statement: 'worker.progress' }] })
    expect(found.map(({ kind }) => kind)).toEqual(['facts-unread'])
  })

  it('is said once with the daemon that waits for it, whichever was seen first', () => {
    const found = findProblems({ ...well, unread, blocked: [holding, { ...lock, by: blocker }] })
    expect(found[0]?.sentence).toBe(waited)
  })
})

describe('two partitions that are stuck', () => {
  const later = '1a0c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3'
  const other = { ...owner, host: 'b-host', pid: 22 }
  const one = { ...still, lag: 9n, word: 'stalled' as const, secondsBehind: 300 }
  const another = { ...one, partition: 1, lag: 3n, next: { ...still.next, eventId: later }, owner: other }

  it('are one finding about the one that has stood still for longest: its event, its owner and the command', () => {
    const longest = { ...another, stillSince: new Date(since.getTime() - 1) }
    const found = findProblems({ ...well, ...of({ cause, partitions: [one, longest] }) })
    expect(found).toEqual([
      {
        kind: 'stalled',
        severity: 'bad',
        sentence: `Group stage-email-workers has stood still since 2030-01-31T11:59:59.999Z at offset 5 of partition 1 (user.signed_up, event ${later}), and 1 more partition. It belongs to process 22 on b-host.`,
        command: `npm run workerctl -- timeline --event ${later}`,
      },
    ])
  })

  it('are one finding about an event that is known, while nobody knows since when they stand still', () => {
    const unknown = { ...one, stillSince: null, next: null }
    const found = findProblems({ ...well, ...of({ cause, partitions: [unknown, { ...another, stillSince: null }] }) })
    expect(found.map(({ sentence, command }) => [sentence, command])).toEqual([
      [
        `Group stage-email-workers reads nothing of partition 0, 1; its oldest record is 5 min old. Nothing behind offset 5 of partition 1 (user.signed_up, event ${later}) is read.`,
        `npm run workerctl -- timeline --event ${later}`,
      ],
    ])
  })
})

describe('a cause that has a line of its own', () => {
  it('is not called a hot campaign while the relay is away or no process runs', () => {
    const waits = { lag: 9n, due: [crowded], partitions: [still] }
    expect(findProblems({ ...well, ...of({ ...waits, away: [away] }) }).map(({ kind }) => kind)).toEqual(['destination-away'])
    expect(findProblems({ ...well, ...of({ ...waits, members: 0 }) }).map(({ kind }) => kind)).toEqual(['no-member'])
    const behind = findProblems({ ...well, ...of({ ...full, cause, away: [away] }) })
    expect(behind.map(({ kind }) => kind)).toEqual(['destination-away', 'intents-late'])
  })

  it.each([
    { scope: 'group' as const, target: group.group },
    { scope: 'channel' as const, target: 'email' },
  ])('is the pause of a $scope, not the work that waits for its end', ({ scope, target }) => {
    const pause = { id: '1', scope, group: group.group, target, owner: 'ops', because: 'import', since, until: null }
    const late = of({ lag: 9n, due: [{ ...crowded, oldestMs: 600_000 }] })
    expect(findProblems({ ...well, ...late, pauses: [pause] }).map(({ kind }) => kind)).toEqual(['paused'])
    expect(findProblems({ ...well, ...of({ ...full, cause }), pauses: [pause] }).map(({ kind }) => kind)).toEqual(['paused'])
  })
})

describe('a system that is well', () => {
  it('has no findings', () => {
    expect(findProblems(well)).toEqual([])
  })

  it.each<[string, Partial<StatusFacts>]>([
    ['a group that this environment does not run and nobody ever has', { groups: [{ ...group, isExpected: false, report: { ...report, members: 0 } }] }],
    ['a lag of the last seconds', of({ verdict: { word: 'falling-behind', sentence: '' }, lag: 900n, secondsBehind: 20 })],
    ['dead letters of yesterday', letters(0)],
    ['a lock that lasts for a moment', { blocked: [{ ...lock, forMs: 300, by: { pid: 99, application: 'psql', state: null, forMs: null } }] }],
    ['a transaction that holds locks for which nobody waits', { blocked: [{ ...lock, pid: null, application: null, by: { pid: 99, application: 'psql', state: null, forMs: 9_000 } }] }],
    ['a partition that waits for the backlog of its group', of({ partitions: [still], due: [{ channel: 'email', count: 100, campaignCount: 1, oldestMs: 4_000, campaigns: [] }] })],
    ['a campaign whose many intents are done within seconds', of({ lag: 9n, due: [{ ...crowded, oldestMs: 14_000 }] })],
    ['a campaign with much of the work, while the group reads', of({ lag: 10n, due: [crowded] })],
    ['a campaign with most of the work, which keeps nobody waiting', of({ due: [{ ...crowded, campaignCount: 1 }] })],
    ['a group that rebalances', of({ partitions: [{ ...partition, owner: null }, { ...partition, partition: 1, owner: null }] })],
  ])('may have %s', (_, facts) => {
    expect(findProblems({ ...well, ...facts })).toEqual([])
  }) // prettier-ignore
})

/** The commands that do something, by their full names. */
function leavesOf(command: Command, path: readonly string[]): readonly (readonly [string, Command])[] {
  if (command.commands.length === 0) return [[path.join(' '), command]]
  return command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]))
}
