import { describe, expect, it } from 'vitest'
import type { Entry, EntryOf, Group } from '../../invariants/history.ts'
import type { CheckReport } from '../../invariants/check-report.ts'
import { eventId, run, sha, T } from './valid-log.ts'
import { unregistered, validHistory, withUnregisteredGroup } from './valid-history.ts'
import {
  judged,
  findings,
  without,
  withEntry,
  also,
  withoutRow,
  withoutFirst,
  doubleRow,
  alsoRow,
  withRow,
  relayAway,
  type NamedMutation,
} from './history-mutations.ts'

const ofUnregistered = { group_name: unregistered.id }
const census = (offset: number) => `census:${eventId(offset)}`
const counts =
  (type: string) =>
  ({ group, by }: EntryOf<'counted'>) =>
    group === unregistered.id && by.includes(type)
const mutationsOfUnregistered: readonly NamedMutation[] = [
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
