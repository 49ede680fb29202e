import { describe, expect, it } from 'vitest'
import { checkHistory } from '../../invariants/check-history.ts'
import { checkNames } from '../../invariants/check-report.ts'
import { address, endOfLog, eventId, grant, person, position, reward, sha, T } from './valid-log.ts'
import { mailKey } from './valid-rows.ts'
import { validHistory } from './valid-history.ts'
import {
  judged,
  folderOf,
  findings,
  without,
  withEntry,
  withoutPosition,
  also,
  withoutRow,
  doubleRow,
  alsoRow,
  withRow,
  withJoin,
  withoutMail,
  leaveOut,
  relayAway,
  third,
  mailOf,
  lastCommit,
  abortedRecord,
  sampleOf,
  signal,
  type NamedMutation,
} from './history-mutations.ts'

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
        { ...mailOf('welcome'), at: T + 900, sha256: sha('frozen again') },
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

const mutations: readonly NamedMutation[] = [
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

  ['a stop beyond the grace period', 'I8', withEntry('process', ({ code }) => code === 0, { at: T + 97_000 })],
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
