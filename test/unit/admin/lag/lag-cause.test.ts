import { describe, expect, it } from 'vitest'
import { causeOf, lagCauses, type CauseQuestion } from '../../../../src/admin/lag/lag-cause.ts'
import type { BlockedStatement, DueWork } from '../../../../src/admin/lag/lag-ports.ts'
import type { Pause } from '../../../../src/model/pause.ts'

const nothing: CauseQuestion = {
  word: 'falling-behind',
  verdict: 'The verdict.',
  pause: null,
  paused: [],
  waiting: null,
  head: null,
  inside: { due: [], away: [], slow: [], idleMs: new Map() },
  blocked: [],
  destination: null,
  channels: [{ name: 'webhook', sole: null, destination: 'endpoint', deliveries: 'rewards', isSerial: false }],
}
const event = { partition: 2, offset: 17n, timestamp: 0, type: 'user.signed_up', eventId: 'e-1' }
const lock: BlockedStatement = {
  pid: 11,
  application: 'kafka-worker accept',
  statement: 'UPDATE worker.progress',
  forMs: 4_000,
  by: { pid: 99, application: 'psql', state: 'idle in transaction', forMs: 600_000 },
}
const pause: Pause = {
  id: '1',
  scope: 'group',
  group: 'email-workers',
  target: 'email-workers',
  owner: 'an operator',
  because: 'import',
  since: new Date(0),
  until: null,
}
const inside = (more: Partial<NonNullable<CauseQuestion['inside']>>) => ({ due: [], away: [], slow: [], idleMs: new Map(), ...more })
const due = (count: number, most: number): DueWork => ({
  channel: 'email',
  count,
  campaignCount: 3,
  oldestMs: 1,
  campaigns: [{ campaignId: 'c-1', count: most }],
})
const reward = { channel: 'webhook', destination: 'w-1', reason: 'http-503', since: new Date(0), waiting: 4 }

const cases: readonly (readonly [string, Partial<CauseQuestion>, string | null, string])[] = [
  ['a log that lost records', { word: 'data-lost', blocked: [lock] }, 'log', 'The verdict.'],
  ['a group that was stopped', { word: 'stopped' }, 'stopped', 'The verdict.'],
  ['a pause with its owner', { word: 'paused', pause }, 'pause', 'Group email-workers is paused by an operator (import) until it is resumed.'],
  ['no process', { word: 'no-member', blocked: [lock] }, 'no-process', 'No process runs the group.'],
  ['a quiet process', { word: 'paused', paused: ['quiet'] }, 'quiet', 'A process of the group is quiet since SIGTSTP; SIGCONT resumes it.'],
  ['a lock', { word: 'stalled', blocked: [lock], head: event }, 'lock', 'UPDATE worker.progress of "kafka-worker accept" (pid 11) has waited 4 s for a lock of "psql" with pid 99 (idle in transaction), whose transaction has been open for 10 min.'],
  ['a lock of a session that the role may not see', { word: 'stalled', blocked: [{ ...lock, statement: null, forMs: null, by: { pid: 99, application: '', state: null, forMs: null } }] }, 'lock', 'A statement of "kafka-worker accept" (pid 11) has waited for a lock of "" with pid 99.'],
  ['a lock between two attempts of a daemon', { word: 'stalled', waiting: 'SQLSTATE 55P03', blocked: [{ ...lock, pid: null, application: null, statement: 'worker.progress' }] }, 'lock', 'Locks of worker.progress are held by "psql" with pid 99 (idle in transaction), whose transaction has been open for 10 min.'],
  ['the only destination', { word: 'breaker-open', destination: { name: 'relay', sentence: 'Mails wait.' }, blocked: [lock] }, 'destination', 'Mails wait.'],
  ['a retried event', { word: 'stalled', waiting: 'the consumer throws TypeError', head: event }, 'retry', 'The consumer throws TypeError; the next record is offset 17 of partition 2 (user.signed_up, event e-1).'],
  ['a stuck event without more', { word: 'stalled', head: event }, 'event', 'Nothing behind offset 17 of partition 2 (user.signed_up, event e-1) is read.'],
  ['a slow recalculation', { word: 'paused', paused: ['recalculations-late'], inside: inside({ slow: [{ campaignId: 'c-9', tries: 3, nextTryAt: new Date(0) }] }) }, 'recalculation', 'The recalculation of campaign c-9 has taken too long 3 times in a row.'],
  ['a hot campaign', { inside: inside({ due: [due(200, 150)] }) }, 'campaign', 'Campaign c-1 has 150 of the 200 due intents of the email channel.'],
  ['a backlog without a hot campaign', { word: 'paused', paused: ['intents-due'], inside: inside({ due: [due(5_000, 100)] }) }, 'backlog', '5000 or more intents of the email channel are due, and the group takes no more until they are done.'],
  ['rewards that wait for an endpoint', { word: 'intents-late', inside: inside({ away: [reward] }) }, 'endpoint', '4 rewards wait for endpoint w-1.'],
  ['nothing but work', {}, 'load', 'No fault is known: there is more to do than these processes have done.'],
  ['a group that is well', { word: 'ok', blocked: [lock] }, null, ''],
] // prettier-ignore

describe('the cause of lag', () => {
  it.each(cases)('is found for %s', (_, facts, is, sentence) => {
    const cause = causeOf({ ...nothing, ...facts })
    expect([cause?.is ?? null, cause?.sentence ?? '']).toEqual([is, sentence])
  })

  it('has a case here for each in the list', () => {
    expect(new Set(cases.flatMap(([, , is]) => is ?? []))).toEqual(new Set(lagCauses))
  })
})
