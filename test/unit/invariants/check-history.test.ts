import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkHistory } from '../../invariants/check-history.ts'
import { HISTORY_FILE, type Entry, type EntryOf, type Group, type Row } from '../../invariants/history.ts'
import { checkNames, type CheckName, type CheckReport } from '../../invariants/check-report.ts'
import {
  address,
  endOfLog,
  eventId,
  grant,
  mailKey,
  person,
  position,
  reward,
  run,
  sha,
  T,
  unregistered,
  validHistory,
  withUnregisteredGroup,
} from './valid-history.ts'

describe('a valid history', () => {
  it('passes, and every check but the isolation of faults looked at facts', async () => {
    const report = await judged(validHistory())
    expect(findings(report)).toEqual([])
    expect(report.passed).toBe(true)
    const idle = checkNames.filter((check) => report.checks[check].checked === 0)
    // No fault of this history leaves a group that must continue.
    expect(idle).toEqual(['I11'])
    expect(report.figures).toMatchObject({ events: endOfLog, ambiguousMails: 1, secondCopies: 1, lost: 0, doubledMails: 0, kills: 1 })
  })

  it.each([
    [
      'a restored database: lost mails may be sent again, and committed offsets stay',
      [
        { is: 'fault', at: T + 640, name: 'restore', phase: 'begin', affects: ['database'], setBackTo: T + 550 } as const,
        { is: 'fault', at: T + 680, name: 'restore', phase: 'end', affects: ['database'] } as const,
        { ...mailOf('welcome'), at: T + 900, sha256: sha('frozen anew') },
      ],
    ],
    ['a commit of a tool', [{ ...lastCommit(), logOffset: 99, metadata: '', offset: 1 }]],
    [
      'an offset that a tool moved above the row, until a daemon commits',
      [
        { ...lastCommit(), logOffset: 99, metadata: '', offset: 6, at: T + 280 },
        { ...sampleOf('running'), committed: { 0: 6 }, stored: { 0: 4 } },
      ],
    ],
    ['a record of an aborted transaction that the reader of the harness returned', abortedRecord()],
    ['a daemon that is frozen during its stop', [signal(2, 86_500, 'SIGSTOP'), signal(2, 87_000, 'SIGCONT')]],
    [
      'a process that a signal ended before it wrote anything',
      [
        { is: 'process', at: T + 100, daemon: 3, pid: 103, event: 'started' } as const,
        signal(3, 110, 'SIGTERM'),
        { is: 'process', at: T + 120, daemon: 3, pid: 103, event: 'exited', code: 'SIGTERM', lines: 0 } as const,
      ],
    ],
    [
      'a daemon that killed itself at its failpoint',
      [
        { is: 'process', at: T + 100, daemon: 3, pid: 103, event: 'started' } as const,
        { is: 'process', at: T + 120, daemon: 3, pid: 103, event: 'exited', code: 'SIGKILL', failpoint: 'accepted' } as const,
      ],
    ],
  ])('may hold %s', async (_, more) => {
    expect(findings(await judged([...validHistory(), ...more]))).toEqual([])
  })

  it('may hold a group that stood still while the relay was away, because a daemon joined that never became ready', async () => {
    const { checks } = await judged([...relayAway(validHistory()), ...third('started', 110_000), ...third('exited', 170_000)])
    expect(checks.I11).toMatchObject({ passed: true, checked: 0 })
  })
})

type Mutation = (history: Entry[]) => Entry[]
const mutations: readonly (readonly [name: string, by: CheckName, mutate: Mutation])[] = [
  ['an acknowledged record that is not in the log', 'I1', without('record', ({ offset, topic }) => offset === 10 && topic === undefined)],
  ['an event that has no outcome', 'I1', withoutRow('outcomes', { event_id: eventId(1) })],
  ['an outcome that exists twice', 'I1', doubleRow('outcomes', { event_id: eventId(1) })],
  ['an outcome of nothing in the log', 'I1', alsoRow('outcomes', { event_id: eventId(1) }, { event_id: eventId(99), offset: '99' })],
  [
    'an outcome of an aborted record',
    'I1',
    (history) => [
      ...alsoRow('outcomes', { event_id: eventId(1) }, { event_id: eventId(77), offset: '77', effects: [] })(history),
      ...abortedRecord(),
    ],
  ],
  ['an outcome with other effects', 'I1', withRow('outcomes', { event_id: eventId(1) }, { effects: [] })],
  ['a duplicate of nothing', 'I1', withRow('outcomes', { group_name: reward, event_id: eventId(4) }, { outcome: 'duplicate' })],
  ['a repeat that was accepted before the first record', 'I1', withRow('outcomes', { event_id: eventId(0) }, { offset: '7' })],
  ['an effect that does not exist', 'I1', withoutRow('intents', { key: mailKey(4, 'reward_earned', 1) })],
  ['an effect that exists twice', 'I1', doubleRow('intents', { key: `broadcast:${eventId(6)}` })],
  [
    'an effect that no event made',
    'I1',
    alsoRow('intents', { key: mailKey(0, 'welcome', 1) }, { key: mailKey(0, 'welcome', 3), state: 'cancelled' }),
  ],
  ['an effect that is not done', 'I1', withRow('intents', { key: mailKey(10, 'welcome', 5) }, { state: 'pending', finished_at: null })],
  ['a conflict without a dead letter', 'I1', withoutRow('dead_letters', { reason: 'id-conflict' })],
  ['a bad record without a dead letter', 'I1', withoutRow('dead_letters', { group_name: position })],
  ['a dead letter that was counted twice', 'I1', doubleRow('dead_letters', { reason: 'id-conflict' })],
  ['a dead letter that was never published', 'I1', without('record', ({ topic }) => topic?.includes('reward') === true)],
  ['a dead letter of a valid event', 'I1', alsoRow('dead_letters', { reason: 'id-conflict' }, { offset: '0', reason: 'invalid-data' })],

  ['a lost mail', 'I2', without('mail', ({ subject }) => subject === 'welcome')],
  ['a doubled mail', 'I2', also('mail', ({ subject }) => subject === 'welcome', {})],
  ['a mail that went out three times', 'I2', also('mail', ({ subject, reply }) => subject === 'verification' && reply === 250, {})],
  ['a second copy under hold', 'I2', withEntry('run', () => true, { ambiguous: 'hold' })],
  ['a second copy with other bytes', 'I2', withEntry('mail', ({ reply }) => reply === null, { sha256: sha('other') })],
  [
    'a second copy with another Message-ID',
    'I2',
    withEntry('mail', ({ reply }) => reply === null, { messageId: `${mailOf('verification').messageId.split('@')[0]}@other.example>` }),
  ],
  ['a mail that no event requires', 'I2', also('mail', ({ subject }) => subject === 'welcome', { messageId: '<0123@mail.example>' })],
  ['a mail to another person', 'I2', withEntry('mail', ({ subject }) => subject === 'welcome', { recipients: [address(3)] })],
  ['a mail to two people', 'I2', withEntry('mail', ({ subject }) => subject === 'welcome', { recipients: [address(1), address(3)] })],
  [
    'a mail that was skipped without a reason',
    'I2',
    withoutMail(0, 'welcome', 1, { state: 'skipped', reason: 'person-removed', envelope: null }),
  ],
  ['a mail that was held without a doubt', 'I2', withoutMail(0, 'welcome', 1, { state: 'held', envelope: null })],
  ['a milestone mail that was left out', 'I2', leaveOut(6, 'milestone', 2)],
  ['a milestone mail without consent', 'I2', withJoin(person(2), { consent: false })],

  ['a changed webhook body', 'I3', withEntry('webhook', ({ status }) => status === 500, { bodySha256: sha('other') })],
  ['a changed webhook-id', 'I3', withEntry('webhook', ({ status }) => status === 500, { id: 'msg_2' })],
  ['a signature that is wrong', 'I3', withEntry('webhook', ({ status }) => status === 500, { signatureOk: false })],
  ['a delivery that no receiver accepted', 'I3', without('webhook', ({ status }) => status === 200)],
  [
    'a delivery that was accepted and is not delivered',
    'I3',
    withRow('intents', { key: `reward:${grant(1)}` }, { state: 'dead', reason: 'server-error' }),
  ],

  ['a mail that is not in email_logs', 'I4', withoutRow('email_logs', { type: 'custom' })],
  ['a mail that is in email_logs twice', 'I4', doubleRow('email_logs', { type: 'welcome' })],
  ['a code that was given out twice', 'I4', alsoRow('reward_codes', {}, { user_reward_id: grant(2) })],
  ['a reward with two codes', 'I4', alsoRow('reward_codes', {}, { code: 'CODE-2' })],
  ['a reward that lacks its code', 'I4', withoutRow('reward_codes', {})],
  ['a delivery with two rows', 'I4', doubleRow('webhook_deliveries', {})],
  ['a delivery without a row', 'I4', withoutRow('webhook_deliveries', {})],
  [
    'a reward that was delivered and does not say so',
    'I4',
    withRow('user_rewards', { id: grant(2) }, { status: 'earned', delivered_at: null }),
  ],
  ['an attempt that was not counted', 'I4', withRow('user_rewards', { id: grant(1) }, { delivery_attempts: 1 })],
  ['an attempt that was counted twice', 'I4', withRow('user_rewards', { id: grant(2) }, { delivery_attempts: 3 })],

  ['a record that was accepted out of order', 'I5', withRow('outcomes', { event_id: eventId(1) }, { at: T + 223 })],
  ['a stale position in a mail', 'I5', withEntry('mail', ({ subject }) => subject === 'position_update', { position: 4 })],
  ['a position mail without a position', 'I5', withoutPosition],
  [
    'a mail that claims to have waited too long',
    'I5',
    withRow('intents', { key: mailKey(3, 'position_update', 4) }, { reason: 'position-not-recalculated' }),
  ],

  ['a wrong final position', 'I6', withRow('waitlist_users', { id: person(4) }, { position: 4 })],
  ['somebody who left and is ranked', 'I6', withRow('waitlist_users', { id: person(5) }, { ranked_score: '5' })],
  ['somebody who is not ranked', 'I6', withRow('waitlist_users', { id: person(3) }, { ranked_score: null })],
  ['somebody whose row is gone', 'I6', withoutRow('waitlist_users', { id: person(3) })],

  ['a commit above what was accepted', 'I7', withEntry('commit', ({ offset }) => offset === 5, { offset: 11 })],
  ['a commit that went back', 'I7', also('commit', ({ logOffset }) => logOffset === 3, { logOffset: 4, offset: 9 })],
  [
    'a commit by a member that does not own the partition',
    'I7',
    withEntry('commit', ({ logOffset }) => logOffset === 3, { member: 'member-1' }),
  ],
  [
    'a commit of a partition without an owner',
    'I7',
    withEntry('generation', ({ generation }) => generation === 2, { members: [{ id: 'member-2', partitions: [] }] }),
  ],
  ['a committed offset above the row', 'I7', withEntry('offsets', ({ when }) => when === 'running', { stored: { 0: 4 } })],
  [
    'a committed offset above the row, before a tool committed it',
    'I7',
    (history) => [
      ...withEntry('offsets', ({ when, group }) => when === 'running' && group === lastCommit().group, { stored: { 0: 4 } })(history),
      { ...lastCommit(), logOffset: 99, metadata: '', offset: 5, at: T + 400 },
    ],
  ],
  [
    'an offset that a tool moved above the row and that is still there at rest',
    'I7',
    (history) => [
      ...withEntry('offsets', ({ when, group }) => when === 'drained' && group === lastCommit().group, {
        committed: { 0: endOfLog + 1 },
      })(history),
      { ...lastCommit(), logOffset: 99, metadata: '', offset: endOfLog + 1 },
    ],
  ],
  ['a clean stop that left a commit behind', 'I7', withEntry('offsets', ({ when }) => when === 'clean-stop', { committed: { 0: 10 } })],
  [
    'offsets before the end of the log at rest',
    'I7',
    withEntry('offsets', ({ when }) => when === 'drained', { committed: { 0: 10 }, stored: { 0: 10 } }),
  ],

  ['a stop beyond the grace period', 'I8', withEntry('process', ({ code }) => code === 0, { at: T + 88_000 })],
  ['a stop that never came', 'I8', without('process', ({ code }) => code === 0)],
  ['more memory than agreed', 'I8', withEntry('memory', () => true, { residentMb: 401 })],
  ['a recovery that took too long', 'I9', withEntry('recovered', () => true, { afterMs: 60_001 })],
  ['a recovery that was not recorded', 'I9', without('recovered', () => true)],
  ['ready while the database is away', 'I10', withEntry('health', ({ ready }) => ready === false, { ready: true })],
  ['not alive while it works', 'I10', withEntry('health', ({ at }) => at === T + 80, { live: false })],
  ['a clean stop with another exit code', 'I10', withEntry('process', ({ code }) => code === 0, { code: 2 })],
  ['a daemon that a signal ended instead of a stop', 'I10', withEntry('process', ({ code }) => code === 0, { code: 'SIGTERM', lines: 9 })],
  ['a daemon that was killed without a recorded signal', 'I10', withEntry('process', ({ code }) => code === 0, { code: 'SIGKILL' })],
  ['a process that ended by itself', 'I10', without('process', ({ signal }) => signal === 'SIGTERM')],
  ['a group that stood still while the relay was away', 'I11', (history) => relayAway(history)],
  [
    'a group that stood still while the relay was away, after the last daemon had joined',
    'I11',
    (history) => [...relayAway(history), ...third('started', 110_000), ...third('ready', 112_000), ...third('exited', 170_000)],
  ],
  [
    'an address in a header of a dead letter',
    'I12',
    withEntry('record', ({ topic }) => topic !== undefined, { headers: { 'dlq-reason': address(1) } }),
  ],
  ['an address in an error', 'I12', withRow('email_logs', { type: 'custom' }, { error_message: `550 ${address(2)}` })],

  ['no commits', 'history', without('commit', () => true)],
  ['no mails', 'history', without('mail', () => true)],
  ['no records', 'history', without('record', () => true)],
  ['nothing acknowledged', 'history', without('acked', () => true)],
  ['no processes', 'history', without('process', () => true)],
  ['no offsets at rest', 'history', without('offsets', ({ when }) => when !== 'running')],
  ['no progress rows', 'history', withoutRow('progress', {})],
]

describe('a violation is found', () => {
  it.each(mutations)('%s (%s)', async (_, by, mutate) => {
    const report = await judged(mutate(validHistory()))
    expect(report.passed).toBe(false)
    expect(report.checks[by].examples).not.toEqual([])
  })

  it('a secret in a log, although it spans two chunks of the file', async () => {
    const log = `${'.'.repeat(65_530)}secret-token`
    const report = await judged(validHistory(), log)
    expect(report.checks.I12.examples).toEqual(['daemon-1.log holds marker 2 of 2.'])
  })
})

const ofUnregistered = { group_name: unregistered.id }
const census = (offset: number) => `census:${eventId(offset)}`
const counts =
  (type: string) =>
  ({ group, by }: EntryOf<'counted'>) =>
    group === unregistered.id && by.includes(type)
const mutationsOfUnregistered: typeof mutations = [
  ['an event that has no outcome', 'I1', withoutRow('outcomes', { ...ofUnregistered, event_id: eventId(1) })],
  ['an outcome that exists twice', 'I1', doubleRow('outcomes', { ...ofUnregistered, event_id: eventId(1) })],
  [
    'an outcome of a type that it does not handle',
    'I1',
    alsoRow('outcomes', { ...ofUnregistered, offset: '1' }, { event_id: eventId(6), offset: '6' }),
  ],
  ['an effect that does not exist', 'I1', withoutRow('intents', { key: census(1) })],
  ['an effect that exists twice', 'I1', doubleRow('intents', { key: census(1) })],
  ['an effect that no outcome names', 'I1', alsoRow('intents', { key: census(1) }, { key: census(5), state: 'cancelled' })],
  ['an effect that is not done', 'I1', withRow('intents', { key: census(1) }, { state: 'pending', finished_at: null })],
  ['a bad record without a dead letter', 'I1', withoutRow('dead_letters', { ...ofUnregistered, offset: '9' })],
  ['a dead letter that was never published', 'I1', without('record', ({ topic }) => topic?.includes('census') === true)],
  ['a delivery that no receiver accepted', 'I3', without('webhook', ({ id }) => id === 'msg_c1')],
  ['a call that is no delivery', 'I3', also('webhook', ({ id }) => id === 'msg_c1', { id: 'msg_c3', bodySha256: sha('census 3') })],
  ['a changed webhook body', 'I3', also('webhook', ({ id }) => id === 'msg_c1', { bodySha256: sha('other') })],
  ['an event that was counted twice', 'I4', withEntry('counted', counts('user.verified'), { count: 2 })],
  ['an event that was not counted', 'I4', withEntry('counted', counts('user.signed_up'), { count: 1 })],
  ['a row of counts that is missing', 'I4', without('counted', counts('user.verified'))],
  ['a row of counts of nothing', 'I4', also('counted', counts('user.verified'), { by: ['nowhere'] })],
  ['a table of counts that is not described', 'I4', also('counted', counts('user.verified'), { name: 'census.other' })],
  ['a delivery without a row', 'I4', withoutFirst('webhook_deliveries')],
  ['a record that was accepted out of order', 'I5', withRow('outcomes', { ...ofUnregistered, event_id: eventId(1) }, { at: T + 223 })],
  [
    'a commit above what was accepted',
    'I7',
    withEntry('commit', ({ group, offset }) => group === unregistered.id && offset === 5, { offset: 11 }),
  ],
  [
    'offsets before the end of the log at rest',
    'I7',
    withEntry('offsets', ({ group, when }) => group === unregistered.id && when === 'drained', { committed: { 0: 10 }, stored: { 0: 10 } }),
  ],
  ['no progress', 'history', withoutRow('progress', ofUnregistered)],
  ['no commits', 'history', without('commit', ({ group }) => group === unregistered.id)],
  ['a run that does not name it', 'history', withEntry('run', () => true, { groups: run.groups })],
]

describe('a group that only the run describes', () => {
  it('is checked, and passes', async () => {
    expect(findings(await judged(withUnregisteredGroup(validHistory())))).toEqual([])
  })

  it('may count an event that it gave up once the event is published again, and a second count is found', async () => {
    const history = publishedAgain(withUnregisteredGroup(validHistory()))
    expect(findings(await judged(history))).toEqual([])
    const doubled = withEntry('counted', counts('user.signed_up'), { count: 3 })(history)
    expect(findings(await judged(doubled))).toEqual([expect.stringMatching(/^I4: .* counts 3 events .* 2 were accepted/)])
    const sound = withRow('dead_letters', { ...ofUnregistered, offset: '0' }, { reason: 'invalid-data' })(history)
    expect(findings(await judged(sound))).toEqual([expect.stringContaining('0/0 is a dead letter (invalid-data)')])
  })

  it('may dead-letter an event and accept it later only if it projects, and writes a text that PostgreSQL does not store', async () => {
    const found = [expect.stringContaining('0/0 is a dead letter (database-rejected)')]
    expect(findings(await publishedAgainIn({ writes: { 'user.signed_up': ['email'] } }))).toEqual([])
    expect(findings(await publishedAgainIn({ writes: { 'user.signed_up': ['user_id'] } }))).toEqual(found)
    expect(findings(await publishedAgainIn({ writes: {} }))).toEqual(found)
    expect(findings(await publishedAgainIn({ projects: false }))).toEqual(found)
  })

  it.each(mutationsOfUnregistered)('%s is found (%s)', async (_, by, mutate) => {
    const report = await judged(mutate(withUnregisteredGroup(validHistory())))
    expect(report.checks[by].examples).not.toEqual([])
  })

  it('is found when it stood still while the relay was away', async () => {
    const { checks } = await judged(relayAway(withUnregisteredGroup(validHistory()), { offset: 1, group: unregistered.id }))
    expect(checks.I11.examples).toContainEqual(expect.stringContaining(unregistered.id))
  })
})

describe('an invalid history', () => {
  const lines = validHistory().map((entry) => JSON.stringify(entry))
  it.each([
    ['empty', '', 'is empty'],
    ['cut off within a line', lines.join('\n').slice(0, -5), 'is not valid JSON'],
    ['without its beginning', lines.slice(1).join('\n'), 'does not begin with the entry of its run'],
    ['without seed data', lines.slice(0, 1).join('\n'), 'has no seed data'],
    [
      'without some lines before its end',
      [...lines.slice(0, -1), JSON.stringify({ is: 'end', at: T, entries: lines.length })].join('\n'),
      'entries and holds',
    ],
    [
      'with rows that lack a column',
      [...lines, JSON.stringify({ is: 'row', table: 'progress', row: {} })].join('\n'),
      'A row of progress has no',
    ],
    ['with an unknown kind of entry', [...lines, JSON.stringify({ is: 'rumour' })].join('\n'), 'rumour'],
  ])('is rejected: %s', async (_, text, message) => {
    const folder = await folderOf(text)
    await expect(checkHistory(folder)).rejects.toThrow(message)
  })

  it.each([0.2, 0.4, 0.6, 0.8])('fails when it is cut off between lines, after %d of it', async (share) => {
    const text = lines.slice(0, Math.round(lines.length * share)).join('\n')
    const report = await checkHistory(await folderOf(text))
    expect(report.passed).toBe(false)
  })
})

async function judged(history: readonly Entry[], log = 'nothing of interest\n'): Promise<CheckReport> {
  return checkHistory(await folderOf(history.map((entry) => JSON.stringify(entry)).join('\n'), log))
}

async function folderOf(text: string, log = ''): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'history-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, HISTORY_FILE), text)
  for (const daemon of [1, 2, 3]) await writeFile(join(folder, `daemon-${daemon}.log`), daemon === 1 ? log : '')
  return folder
}

function findings(report: CheckReport): string[] {
  return checkNames.flatMap((check) => report.checks[check].examples.map((sentence) => `${check}: ${sentence}`))
}

function isOf<Kind extends Entry['is']>(entry: Entry, kind: Kind): entry is EntryOf<Kind> {
  return entry.is === kind
}

function without<Kind extends Entry['is']>(kind: Kind, which: (entry: EntryOf<Kind>) => boolean): Mutation {
  return (history) => history.filter((entry) => !(isOf(entry, kind) && which(entry)))
}

function withEntry<Kind extends Entry['is']>(
  kind: Kind,
  which: (entry: EntryOf<Kind>) => boolean,
  change: Partial<EntryOf<Kind>>,
): Mutation {
  return (history) => history.map((entry) => (isOf(entry, kind) && which(entry) ? { ...entry, ...change } : entry))
}

/** The mail about a position does not show it. */
function withoutPosition(history: Entry[]): Entry[] {
  return history.map((entry) => {
    if (entry.is !== 'mail' || entry.subject !== 'position_update') return entry
    const { position: _, ...rest } = entry
    return rest
  })
}

function also<Kind extends Entry['is']>(kind: Kind, which: (entry: EntryOf<Kind>) => boolean, change: Partial<EntryOf<Kind>>): Mutation {
  return (history) => history.flatMap((entry) => (isOf(entry, kind) && which(entry) ? [entry, { ...entry, ...change }] : [entry]))
}

type Columns = Row['row']
function isRow(table: Row['table'], where: Columns): (entry: Row) => boolean {
  return (entry) => entry.table === table && Object.entries(where).every(([column, value]) => entry.row[column] === value)
}

function withoutRow(table: Row['table'], where: Columns): Mutation {
  return without('row', isRow(table, where))
}

/** Without the first row of the table. */
function withoutFirst(table: Row['table']): Mutation {
  return (history) =>
    history.toSpliced(
      history.findIndex((entry) => entry.is === 'row' && entry.table === table),
      1,
    )
}

function doubleRow(table: Row['table'], where: Columns): Mutation {
  return also('row', isRow(table, where), {})
}

function alsoRow(table: Row['table'], where: Columns, change: Columns): Mutation {
  return (history) =>
    history.flatMap((entry) =>
      entry.is === 'row' && isRow(table, where)(entry) ? [entry, { ...entry, row: { ...entry.row, ...change } }] : [entry],
    )
}

function withRow(table: Row['table'], where: Columns, change: Columns): Mutation {
  return (history) =>
    history.map((entry) => (entry.is === 'row' && isRow(table, where)(entry) ? { ...entry, row: { ...entry.row, ...change } } : entry))
}

function withJoin(userId: string, more: object): Mutation {
  return (history) =>
    history.map((entry) =>
      entry.is === 'change' && entry.change.is === 'join' && entry.change.userId === userId
        ? { ...entry, change: { ...entry.change, ...more } }
        : entry,
    )
}

/** The mail was not sent, and its row has a reason. */
function withoutMail(offset: number, type: string, to: number, change: Columns): Mutation {
  return (history) => {
    const rest = without('mail', ({ subject, recipients }) => subject === type && recipients[0] === address(to))(history)
    const logged = withoutRow('email_logs', { type, user_id: person(to) })(rest)
    return withRow('intents', { key: mailKey(offset, type, to) }, change)(logged)
  }
}

/** Neither the mail nor its row exist. */
function leaveOut(offset: number, type: string, to: number): Mutation {
  return (history) => withoutRow('intents', { key: mailKey(offset, type, to) })(withoutMail(offset, type, to, {})(history))
}

/** Events came in the middle of the fault, and their group waited until it was over. */
function relayAway(history: Entry[], { offset: of, group } = { offset: 3, group: position }): Entry[] {
  const fault = { is: 'fault', name: 'the relay is away', affects: ['relay'] } as const
  const moved = withEntry('record', ({ topic, offset }) => topic === undefined && offset === of, { timestamp: T + 120_000 })(history)
  const late = withRow('outcomes', { group_name: group, event_id: eventId(of) }, { at: T + 131_000 })(moved)
  return [...late, { ...fault, phase: 'begin', at: T + 112_500 }, { ...fault, phase: 'end', at: T + 130_000 }]
}

function publishedAgainIn(change: Partial<Group>): Promise<CheckReport> {
  const groups = [...run.groups, { ...unregistered, ...change }]
  return judged(withEntry('run', () => true, { groups })(publishedAgain(withUnregisteredGroup(validHistory()))))
}

/** The address in the event at offset 0 holds a NUL, and the unregistered group dead-lettered it there; published again at offset 7, it was accepted. */
function publishedAgain(history: readonly Entry[]): Entry[] {
  const values = new Map<string, string>()
  const records = history.map((entry) => {
    if (entry.is !== 'record' || entry.topic !== undefined || (entry.offset !== 0 && entry.offset !== 7)) return entry
    const before = Buffer.from(String(entry.value), 'base64').toString()
    const value = before.replace('"email":"', String.raw`"email":"\u0000`)
    values.set(sha(before), sha(value))
    return { ...entry, value: Buffer.from(value).toString('base64') }
  })
  const acked = records.map((entry) =>
    entry.is === 'acked' ? { ...entry, valueSha256: values.get(entry.valueSha256) ?? entry.valueSha256 } : entry,
  )
  const value = acked.find((entry) => entry.is === 'record' && entry.topic === undefined && entry.offset === 0)
  const letters = acked.flatMap((entry) =>
    entry.is === 'record' && entry.topic?.includes(unregistered.id) === true && entry.offset === 9 && value?.is === 'record'
      ? [entry, { ...entry, offset: 0, headers: { ...entry.headers, 'dlq-original-offset': '0' }, value: value.value }]
      : [entry],
  )
  const givenUp = { offset: '0', reason: 'database-rejected', at: T + 200 }
  const rows = alsoRow('dead_letters', { ...ofUnregistered, offset: '9' }, givenUp)(letters)
  return withRow('outcomes', { ...ofUnregistered, event_id: eventId(0) }, { offset: '7', at: T + 221 })(rows)
}

/** An entry of a third daemon, which is killed at the end. */
function third(event: EntryOf<'process'>['event'], at: number): Entry[] {
  const entry = { is: 'process', daemon: 3, pid: 103 } as const
  if (event !== 'exited') return [{ ...entry, at: T + at, event }]
  return [signal(3, at - 1, 'SIGKILL'), { ...entry, at: T + at, event, code: 'SIGKILL', lines: 0 }]
}

function mailOf(type: string): EntryOf<'mail'> {
  const found = validHistory().find((entry): entry is EntryOf<'mail'> => entry.is === 'mail' && entry.subject === type)
  if (found === undefined) throw new Error(`There is no ${type} mail.`)
  return found
}

function lastCommit(): EntryOf<'commit'> {
  const found = validHistory().findLast((entry): entry is EntryOf<'commit'> => entry.is === 'commit')
  if (found === undefined) throw new Error('There is no commit.')
  return found
}

/** The event of offset 1 under another id, in a transaction that was aborted. */
function abortedRecord(): Entry[] {
  const record = validHistory().find((entry) => entry.is === 'record' && entry.offset === 1)
  if (record?.is !== 'record') throw new Error('There is no record.')
  const value = Buffer.from(String(record.value), 'base64').toString().replace(eventId(1), eventId(77))
  return [
    { is: 'aborted', at: T + 101, eventId: eventId(77) },
    { ...record, offset: 77, value: Buffer.from(value).toString('base64') },
  ]
}

function sampleOf(when: EntryOf<'offsets'>['when']): EntryOf<'offsets'> {
  const found = validHistory().findLast((entry): entry is EntryOf<'offsets'> => entry.is === 'offsets' && entry.when === when)
  if (found === undefined) throw new Error(`There are no offsets of ${when}.`)
  return found
}

function signal(daemon: number, at: number, name: string): EntryOf<'process'> {
  return { is: 'process', at: T + at, daemon, pid: 100 + daemon, event: 'signalled', signal: name }
}
