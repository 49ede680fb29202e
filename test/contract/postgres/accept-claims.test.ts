import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { IntentDraft } from '../../../src/model/intent.ts'
import {
  campaign,
  chunk,
  closeAcceptStore,
  db,
  outcomesOf,
  event,
  group,
  intents,
  mail,
  openAcceptStore,
  recalculation,
  startGroup,
  store,
  user,
} from './accept-fixture.ts'

beforeAll(openAcceptStore)
afterAll(closeAcceptStore)
beforeEach(startGroup)

const limited = (key: string, maxEventAgeMs: number, change: Partial<IntentDraft> = {}) => ({ ...mail(key), maxEventAgeMs, ...change })

test.each([10, 0])(
  'intents of events that are too old for them are written as skipped, and claimed by none of %i free workers',
  async (count) => {
    const hour = 3_600_000
    const old = { ...event(0n, []), at: new Date(Date.now() - hour) }
    const drafts = [
      limited('stale', hour - 60_000),
      limited('fresh', hour + 60_000),
      limited('boundless', Infinity),
      limited('replayed', 1, { class: 'replay' }),
      limited('of a broadcast', 1, { class: 'broadcast' }),
      mail('unlimited'),
    ]
    const reservation = { owner: 'one', workers: [{ channel: 'email', count, leaseMs: 60_000, share: 10, held: new Map() }] } as const
    const result = await store.accept(chunk({ next: 1n, events: [{ ...old, drafts }], reservation }))

    expect(result).toMatchObject({ is: 'accepted', intents: 6, stale: [{ channel: 'email', kind: 'mail.welcome', count: 1 }] })
    const begun = ['boundless', 'fresh', 'unlimited']
    expect(result.is === 'accepted' && result.claimed.map(({ key }) => key).toSorted()).toEqual(count > 0 ? begun : [])
    const rows = await db.sql.query(
      `SELECT key, state, reason, owner, claims, finished_at = created_at AS finished
       FROM worker.intents WHERE group_name = $1 AND key <> ALL ($2) ORDER BY key`,
      [group, begun],
    )
    expect(rows).toEqual([
      { key: 'of a broadcast', state: 'pending', reason: null, owner: null, claims: 0, finished: null },
      { key: 'replayed', state: 'pending', reason: null, owner: null, claims: 0, finished: null },
      { key: 'stale', state: 'skipped', reason: 'stale', owner: null, claims: 0, finished: true },
    ])
  },
)

test('a campaign gets no more than its share of the free workers, unless no other campaign of the chunk uses them', async () => {
  const other = '00000000-0000-4000-8000-0000000000cc'
  const ours = ['a', 'b', 'c', 'd'].map((key) => mail(key))
  const workers = [{ channel: 'email', count: 4, leaseMs: 60_000, share: 3, held: new Map([[campaign, 1]]) }]
  const reservation = { owner: 'me', workers }
  const shared = await store.accept(
    chunk({ next: 1n, events: [event(0n, [...ours, { ...mail('other'), campaignId: other }])], reservation }),
  )
  const keys = (result: typeof shared) => (result.is === 'accepted' ? result.claimed.map(({ key }) => key).toSorted() : [])
  // Two and the other one are within their shares; the fourth place nobody else takes.
  expect(keys(shared)).toEqual(['a', 'b', 'c', 'other'])
  const narrow = { owner: 'me', workers: workers.map((slot) => Object.assign({}, slot, { count: 3 })) }
  const more = ['e', 'f', 'g'].map((key) => mail(key))
  const second = await store.accept(
    chunk({ expected: 1n, next: 2n, events: [event(1n, [...more, { ...mail('another'), campaignId: other }])], reservation: narrow }),
  )
  expect(keys(second)).toEqual(['another', 'e', 'f'])
})

test('inserted intents go to free workers at once, at most as many per channel as there are free slots', async () => {
  await store.accept(chunk({ next: 1n, events: [event(0n, [mail('spent')])] }))
  const events = [
    event(1n, [mail('spent')]),
    event(2n, [mail('a'), { ...mail('page'), class: 'broadcast' }]),
    event(3n, [mail('b'), mail('c')]),
    event(4n, [recalculation('campaign'), { ...mail('hook'), channel: 'webhook' }]),
  ]
  const workers = [
    { channel: 'email', count: 3, leaseMs: 60_000, share: 5, held: new Map() },
    { channel: 'leaderboard', count: 5, leaseMs: 60_000, share: 5, held: new Map() },
  ]
  const before = await databaseNow()
  const result = await store.accept(chunk({ expected: 1n, next: 5n, events, reservation: { owner: 'me', workers } }))
  expect(outcomesOf(result)).toEqual({ 1: 'duplicate', 2: 'accepted', 3: 'accepted', 4: 'accepted' })
  expect(result).toMatchObject({ intents: 6 })
  const claimed = result.is === 'accepted' ? result.claimed : []
  // The spent one took a slot and gave nothing back: too few is fine, too many is not.
  expect(claimed.map(({ key }) => key)).toEqual(['a', 'b'])
  expect(claimed[0]).toEqual({
    id: expect.stringMatching(/^\d+$/),
    group,
    kind: 'mail.welcome',
    version: 1,
    channel: 'email',
    key: 'a',
    class: 'live',
    coalesce: false,
    eventId: events[1]?.eventId,
    eventAt: events[1]?.at,
    correlationId: null,
    traceparent: null,
    campaignId: campaign,
    userId: user,
    destination: null,
    data: { note: 'it\'s "a\\b" {}' },
    attempt: 0,
    ambiguous: 0,
    waitingSince: null,
    reason: null,
    createdAt: expect.any(Date),
    frozen: null,
    claim: { id: claimed[0]?.id, owner: 'me', claims: 1 },
  })
  const rows = (await intents()).filter(({ state }) => state === 'claimed')
  expect(rows.map(({ key, owner, claims }) => [key, owner, claims])).toEqual([
    ['a', 'me', 1],
    ['b', 'me', 1],
  ])
  for (const { lease_until } of rows) {
    expect(Number(lease_until) - before).toBeGreaterThanOrEqual(60_000)
    expect(Number(lease_until) - before).toBeLessThan(120_000)
  }
  expect(
    (await intents()).filter(({ owner, lease_until, state }) => state === 'pending' && (owner !== null || lease_until !== null)),
  ).toEqual([])
})

async function databaseNow(): Promise<number> {
  const [row] = await db.sql.query<{ now: Date }>('SELECT now()')
  return Number(row?.now)
}
