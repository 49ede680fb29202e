import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { AnyEvent } from '../../../src/events/event.ts'
import type { IntentDraft } from '../../../src/model/intent.ts'
import { createAcceptStore } from '../../../src/infra/postgres/ingest/postgres-accept-store.ts'
import type { AcceptedEvent, AcceptResult, AcceptStore, Chunk } from '../../../src/ingest/accept-store.ts'
import { freshGroupName } from '../../support/fresh.ts'
import { MemoryAcceptStore } from '../../support/memory-accept-store.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { openPool } from './open-pool.ts'

let db: MigratedDatabase
let store: AcceptStore
let group: string

beforeAll(async () => {
  db = await migratedDatabase()
  store = createAcceptStore(db)
})
afterAll(async () => db.close())
beforeEach(async () => {
  group = freshGroupName()
  await store.createProgress(group, 'topic', [{ partition: 0, next: 0n, exemptBelow: 0n }])
})

test('a chunk writes outcomes, intents and progress', async () => {
  const mailed = event(0n, [mail('a'), mail('b')])
  const nothing = event(2n, [])
  const result = await store.accept(chunk({ next: 3n, events: [mailed, nothing] }))

  expect(result).toEqual({
    is: 'accepted',
    outcomes: new Map([
      [0n, 'accepted'],
      [2n, 'no-effect'],
    ]),
    deadLetters: 0,
    intents: 2,
    claimed: [],
  })
  expect(await outcomes()).toEqual([
    { event_id: mailed.eventId, type: 'user.signed_up', partition: 0, offset: '0', outcome: 'accepted', effects: ['a', 'b'] },
    { event_id: nothing.eventId, type: 'user.signed_up', partition: 0, offset: '2', outcome: 'no-effect', effects: [] },
  ])
  expect(await intents()).toMatchObject([
    {
      key: 'a',
      state: 'pending',
      event_id: mailed.eventId,
      event_at: mailed.at,
      class: 'live',
      claims: 0,
      data: { note: 'it\'s "a\\b" {}' },
    },
    { key: 'b', state: 'pending' },
  ])
  expect(await progress()).toBe(3n)
})

test.each([10, 0])(
  'intents of events that are too old for them are written as skipped, and claimed by none of %i free workers',
  async (count) => {
    const hour = 3_600_000
    const old = { ...event(0n, []), at: new Date(Date.now() - hour) }
    const limited = (key: string, maxEventAgeMs: number, change: Partial<IntentDraft> = {}) => ({ ...mail(key), maxEventAgeMs, ...change })
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

test('a chunk whose progress row differs from the expected one writes nothing and returns the row', async () => {
  await store.accept(chunk({ next: 5n }))
  expect(await store.accept(chunk({ expected: 0n, next: 9n, events: [event(0n, [mail('a')])] }))).toEqual({ is: 'moved', row: 5n })
  expect(await store.accept({ ...chunk({ next: 9n }), partition: 7 })).toEqual({ is: 'moved', row: null })
  expect(await outcomes()).toEqual([])
  expect(await intents()).toEqual([])
  expect(await progress()).toBe(5n)
})

test('a chunk with only the progress row proves that the database accepts writes', async () => {
  expect(await store.accept(chunk({ expected: 0n, next: 0n }))).toMatchObject({ is: 'accepted', intents: 0 })
})

test('of two owners of a partition exactly one writes', async () => {
  const other = openPool(db.url)
  try {
    const owners = [store, createAcceptStore(other), store, createAcceptStore(other)]
    const events = [event(0n, [mail('a')]), event(1n, [mail('b')])]
    for (let round = 0n; round < 20n; round++) {
      const ends = await Promise.all(owners.map((owner) => owner.accept(chunk({ expected: round, next: round + 1n, events }))))
      expect(ends.filter((end) => end.is === 'accepted')).toHaveLength(1)
      expect(ends.filter((end) => end.is === 'moved')).toEqual(Array.from({ length: 3 }, () => ({ is: 'moved', row: round + 1n })))
    }
    expect(await intents()).toHaveLength(2)
  } finally {
    await other.end()
  }
})

test('a recorded event has no effect when it is repeated, whatever its consumer returns for it now', async () => {
  const known = event(0n, [mail('a')])
  await store.accept(chunk({ next: 1n, events: [known] }))
  const fresh = event(2n, [mail('c')])
  const again = await store.accept(chunk({ expected: 1n, next: 3n, events: [{ ...known, offset: 1n, drafts: [mail('other')] }, fresh] }))
  expect(endings(again)).toEqual({ 1: 'repeated', 2: 'accepted' })
  expect((await intents()).map(({ key }) => key)).toEqual(['a', 'c'])
  expect(await outcomes()).toMatchObject([{ offset: '0', effects: ['a'] }, { offset: '2' }])
})

test('the same id with other content is a conflict: nothing is written, and the later record is named', async () => {
  const known = event(0n, [])
  await store.accept(chunk({ next: 1n, events: [known] }))
  const events = [event(1n, [mail('a')]), { ...known, offset: 2n, contentHash: hash('other') }, { ...known, offset: 3n }]
  expect(await store.accept(chunk({ expected: 1n, next: 4n, events }))).toEqual({ is: 'conflict', offsets: [2n] })
  expect(await progress()).toBe(1n)
  expect(await intents()).toEqual([])
  expect(await outcomes()).toHaveLength(1)
})

test('an id twice in a chunk: the first record counts, an equal one is a repeat, other content is a conflict', async () => {
  const first = { ...event(0n, [mail('a')]), eventId: randomUUID().toUpperCase() }
  const twice = await store.accept(chunk({ next: 2n, events: [first, { ...first, offset: 1n, eventId: first.eventId.toLowerCase() }] }))
  expect(endings(twice)).toEqual({ 0: 'accepted', 1: 'repeated' })
  expect(await intents()).toHaveLength(1)

  const second = event(2n, [mail('b')])
  const events = [second, { ...second, offset: 3n, contentHash: hash('other') }]
  expect(await store.accept(chunk({ expected: 2n, next: 4n, events }))).toEqual({ is: 'conflict', offsets: [3n] })
  expect(await progress()).toBe(2n)
})

test('an event whose effects all exist is a duplicate; one new effect makes it accepted', async () => {
  await store.accept(chunk({ next: 1n, events: [event(0n, [mail('a')])] }))
  const events = [event(1n, [mail('a')]), event(2n, [mail('a'), mail('b')]), event(3n, [mail('b')])]
  const result = await store.accept(chunk({ expected: 1n, next: 4n, events }))
  expect(endings(result)).toEqual({ 1: 'duplicate', 2: 'accepted', 3: 'duplicate' })
  expect((await outcomes()).map(({ outcome }) => outcome)).toEqual(['accepted', 'duplicate', 'accepted', 'duplicate'])
  expect((await intents()).map(({ key }) => key)).toEqual(['a', 'b'])
})

test('coalescing requests become one pending intent, and each has its effect; a claimed intent absorbs none', async () => {
  const first = await store.accept(
    chunk({ next: 2n, events: [event(0n, [recalculation('campaign')]), event(1n, [recalculation('campaign')])] }),
  )
  expect(first).toMatchObject({ intents: 1 })
  const second = await store.accept(chunk({ expected: 2n, next: 3n, events: [event(2n, [recalculation('campaign')])] }))
  expect(endings(second)).toEqual({ 2: 'accepted' })
  expect(await intents()).toHaveLength(1)

  await db.sql.query(`UPDATE worker.intents SET state = 'claimed' WHERE group_name = $1`, [group])
  await store.accept(chunk({ expected: 3n, next: 4n, events: [event(3n, [recalculation('campaign')])] }))
  expect((await intents()).map(({ state }) => state)).toEqual(['claimed', 'pending'])
})

test("groups do not see each other's outcomes and effects", async () => {
  const shared = event(0n, [mail('a')])
  await store.accept(chunk({ next: 1n, events: [shared] }))
  group = freshGroupName()
  await store.createProgress(group, 'topic', [{ partition: 0, next: 0n, exemptBelow: 0n }])
  expect(endings(await store.accept(chunk({ next: 1n, events: [shared] })))).toEqual({ 0: 'accepted' })
})

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
  expect(endings(result)).toEqual({ 1: 'duplicate', 2: 'accepted', 3: 'accepted', 4: 'accepted' })
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
    expect(Number(lease_until) - before).toBeLessThan(70_000)
  }
  expect(
    (await intents()).filter(({ owner, lease_until, state }) => state === 'pending' && (owner !== null || lease_until !== null)),
  ).toEqual([])
})

test('a dead letter is counted once per offset, and leaves an outcome if its event is known and has none', async () => {
  const accepted = event(0n, [mail('a')])
  const understood = { offset: 1n, eventId: randomUUID(), type: 'user.verified', contentHash: hash('x'), reason: 'consumer-error' } as const
  const conflicting = { offset: 2n, eventId: accepted.eventId, type: accepted.type, contentHash: hash('y'), reason: 'id-conflict' } as const
  const unreadable = { offset: 3n, eventId: null, type: null, contentHash: null, reason: 'not-json' } as const
  const campaignId = randomUUID()
  const halfRead = {
    offset: 4n,
    eventId: randomUUID(),
    type: 'user.verified',
    campaignId,
    contentHash: null,
    reason: 'invalid-data',
  } as const
  const passed = [understood, conflicting, unreadable, halfRead]
  expect(await store.accept(chunk({ next: 5n, events: [accepted], passed }))).toMatchObject({ is: 'accepted', deadLetters: 4 })
  expect((await outcomes()).map(({ event_id, outcome }) => [event_id, outcome])).toEqual([
    [accepted.eventId, 'accepted'],
    [understood.eventId, 'dead-letter'],
  ])
  expect(
    await db.sql.query(`SELECT "offset", event_id, type, campaign_id, reason FROM worker.dead_letters WHERE group_name = $1 ORDER BY 1`, [
      group,
    ]),
  ).toEqual([
    { offset: '1', event_id: understood.eventId, type: 'user.verified', campaign_id: null, reason: 'consumer-error' },
    { offset: '2', event_id: accepted.eventId, type: 'user.signed_up', campaign_id: null, reason: 'id-conflict' },
    { offset: '3', event_id: null, type: null, campaign_id: null, reason: 'not-json' },
    { offset: '4', event_id: halfRead.eventId, type: 'user.verified', campaign_id: campaignId, reason: 'invalid-data' },
  ])

  // The database went back in time, or an operator reset the offsets: the same positions again.
  await db.sql.query('UPDATE worker.progress SET next_offset = 0 WHERE group_name = $1', [group])
  const again = await store.accept(chunk({ next: 4n, events: [accepted], passed: [...passed, { ...unreadable, offset: 9n }] }))
  expect(again).toMatchObject({ is: 'accepted', deadLetters: 1, intents: 0 })
  expect(endings(again)).toEqual({ 0: 'repeated' })
})

test.each([
  ['NUL in the data', { data: { note: 'a\0b' } }, /^22/],
  ['a lone surrogate in the data', { data: { note: '\ud800' } }, /^22/],
  ['NUL in the key', { key: 'a\0b' }, /^22/],
  ['a campaign that is no uuid', { campaignId: 'x","y' }, /^22/],
  ['data that JSON cannot hold', { data: { note: foreign(1n) } }, /^22/],
  ['a class that does not exist', { class: foreign('urgent') }, /^23/],
])("%s is the event's own fault, writes nothing and spoils nothing", async (_name, change, state) => {
  const events = [event(0n, [mail('good')]), event(1n, [{ ...mail('bad'), ...change }])]
  await expect(store.accept(chunk({ next: 2n, events }))).rejects.toMatchObject({ name: 'SqlError', state: expect.stringMatching(state) })
  expect(await progress()).toBe(0n)
  expect(await outcomes()).toEqual([])
  expect(await store.accept(chunk({ next: 1n, events: events.slice(0, 1) }))).toMatchObject({ is: 'accepted', intents: 1 })
})

test('text of every kind is stored unchanged', async () => {
  const texts = ['', 'null', 'NULL', '{}', '{"a"}', '"', '\\', '\\"', 'a,b', ' a ', 'é 漢 🙂', "'; --", '\n\t', '$1']
  const drafts = texts.map((text, index) => Object.assign(mail(`${index}:${text}`), { destination: text, data: { [text]: text } }))
  await store.accept(chunk({ next: 1n, events: [event(0n, drafts)] }))
  const rows = await intents()
  const byKey = drafts.toSorted((one, other) => (one.key < other.key ? -1 : 1))
  expect(rows.map(({ key, destination, data }) => ({ key, destination, data }))).toEqual(
    byKey.map(({ key, destination, data }) => ({ key, destination, data })),
  )
  expect(await outcomes()).toMatchObject([{ effects: drafts.map(({ key }) => key) }])
})

test('progress rows are created once, read back, and advanced many at once by compare-and-set', async () => {
  const rows = [0, 1, 2, 3].map((partition) => ({ partition, next: BigInt(partition) * 10n, exemptBelow: 2n ** 40n }))
  await store.createProgress(group, 'many', rows)
  await store.createProgress(group, 'many', [
    { partition: 0, next: 99n, exemptBelow: 0n },
    { partition: 4, next: 2n ** 53n + 1n, exemptBelow: 0n },
  ])
  expect(await store.readProgress(group, 'many')).toEqual([...rows, { partition: 4, next: 2n ** 53n + 1n, exemptBelow: 0n }])

  const moves = [
    { partition: 3, expected: 30n, next: 35n },
    { partition: 1, expected: 11n, next: 12n },
    { partition: 0, expected: 0n, next: 1n },
    { partition: 8, expected: 0n, next: 1n },
  ]
  expect([...(await store.advance(group, 'many', moves))].sort((a, b) => a - b)).toEqual([0, 3])
  expect((await store.readProgress(group, 'many')).map(({ next }) => next)).toEqual([1n, 10n, 20n, 35n, 2n ** 53n + 1n])
  expect(await store.advance(group, 'many', [])).toEqual([])
})

test('two processes that advance the same partitions in opposite orders do not deadlock', async () => {
  const partitions = Array.from({ length: 40 }, (_, partition) => partition)
  await store.createProgress(
    group,
    'wide',
    partitions.map((partition) => ({ partition, next: 0n, exemptBelow: 0n })),
  )
  for (let round = 0n; round < 20n; round++) {
    const moves = partitions.map((partition) => ({ partition, expected: round, next: round + 1n }))
    const ends = await Promise.all([moves, moves.toReversed(), moves].map((some) => store.advance(group, 'wide', some)))
    expect(ends.flat()).toHaveLength(40)
  }
})

test.each([
  ['mails', mail],
  ['recalculations', recalculation],
])('two processes that accept the same %s in opposite orders do not deadlock', async (_, draft) => {
  const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`)
  await store.createProgress(group, 'topic', [{ partition: 1, next: 0n, exemptBelow: 0n }])
  for (let round = 0n; round < 10n; round++) {
    const orders = [keys, keys.toReversed()].map((order) => [
      event(
        round,
        order.map((key) => draft(`${round}:${key}`)),
      ),
    ])
    const ends = await Promise.all(
      orders.map((events, partition) => store.accept({ ...chunk({ expected: round, next: round + 1n, events }), partition })),
    )
    expect(ends.map((end) => end.is)).toEqual(['accepted', 'accepted'])
  }
  expect(await intents()).toHaveLength(3_000)
})

test('a row records its topic once, and the last record that was read if its leader epoch is known', async () => {
  const row = async () => (await store.readProgress(group, 'topic'))[0]
  expect(await row()).toEqual({ partition: 0, next: 0n, exemptBelow: 0n })
  await store.learnTopic(group, 'topic', 'the-id')
  await store.learnTopic(group, 'topic', 'another-id')
  const last = { offset: 2n, leaderEpoch: 7 }
  await store.accept(chunk({ expected: 0n, next: 5n, last }))
  expect(await row()).toEqual({ partition: 0, next: 5n, exemptBelow: 0n, topicId: 'the-id', last })
  // A chunk without an epoch (a hole, an older version) keeps the known epoch.
  await store.accept(chunk({ expected: 5n, next: 6n }))
  await store.advance(group, 'topic', [{ partition: 0, expected: 6n, next: 7n }])
  expect(await row()).toMatchObject({ next: 7n, last })
  await store.advance(group, 'topic', [{ partition: 0, expected: 7n, next: 9n, last: { offset: 8n, leaderEpoch: 8 } }])
  expect(await row()).toMatchObject({ next: 9n, last: { offset: 8n, leaderEpoch: 8 } })
})

test('a projection gets each event once, in the transaction that accepts it', async () => {
  const known = fact(0n)
  const counted: string[] = []
  await expect(store.accept(chunk({ next: 1n, events: [known], project: rejects }))).rejects.toMatchObject({ name: 'ProjectionFailed' })
  expect([await progress(), await outcomes()]).toEqual([0n, []])
  const project = async (events: readonly AnyEvent[]) => {
    counted.push(...events.map(({ id }) => id))
  }
  await store.accept(chunk({ next: 1n, events: [known], project }))
  await store.accept(chunk({ expected: 1n, next: 2n, events: [{ ...known, offset: 1n }], project }))
  expect(counted).toEqual([known.eventId])
})

describe.each([
  ['PostgreSQL', (): AcceptStore => store],
  ['memory, as unit tests use it,', (): AcceptStore => new MemoryAcceptStore()],
])('the store in %s, for a projecting group', (_, open) => {
  let rows: AcceptStore
  let counted: string[][]
  const project = async (events: readonly AnyEvent[]) => {
    counted.push(events.map(({ id }) => id))
  }
  beforeEach(async () => {
    rows = open()
    counted = []
    await rows.createProgress(
      group,
      'topic',
      [0, 1].map((partition) => ({ partition, next: 0n, exemptBelow: 0n })),
    )
  })

  test('a projected event is accepted once, however often the log contains it', async () => {
    const one = fact(0n)
    const result = await rows.accept(
      chunk({ next: 2n, events: [one, { ...one, offset: 1n, eventId: one.eventId.toUpperCase() }], project }),
    )
    expect(endings(result)).toEqual({ 0: 'accepted', 1: 'repeated' })
    expect(counted).toEqual([[one.eventId]])
  })

  test('a conflict is found before the projection runs', async () => {
    const one = fact(0n)
    const result = await rows.accept(chunk({ next: 2n, events: [one, { ...one, offset: 1n, contentHash: hash('other') }], project }))
    expect(result).toEqual({ is: 'conflict', offsets: [1n] })
    expect(counted).toEqual([])
  })

  test('a projection that throws before it returns a promise fails like any other, and nothing is written', async () => {
    const failed = rows.accept(chunk({ next: 1n, events: [fact(0n)], project: throws }))
    await expect(failed).rejects.toMatchObject({ name: 'ProjectionFailed', cause: expect.any(TypeError) })
    const again = await rows.accept(chunk({ next: 1n, events: [fact(0n)], project }))
    expect(endings(again)).toEqual({ 0: 'accepted' })
  })

  test.each([
    ['unchanged', {}],
    ['repaired', { contentHash: hash('repaired') }],
  ])('a dead-lettered event that is published again, %s, counts once; the dead letter itself, read again, does not', async (__, change) => {
    const bad = fact(0n)
    expect(await rows.accept(chunk({ next: 1n, passed: [letterOf(bad)], project }))).toMatchObject({ deadLetters: 1 })
    // A replay before the repair.
    const early = await rows.accept({ ...chunk({ expected: 1n, next: 1n, events: [bad], project }) })
    expect(endings(early)).toEqual({ 0: 'repeated' })
    expect(counted).toEqual([])

    const repaired = { ...bad, offset: 1n, ...change }
    // A replay reads both in one chunk; the second publication of the repaired event is a repeat.
    const events = [bad, repaired, { ...repaired, offset: 2n }]
    expect(endings(await rows.accept(chunk({ expected: 1n, next: 3n, events, project })))).toEqual({
      0: 'repeated',
      1: 'accepted',
      2: 'repeated',
    })
    expect(counted).toEqual([[bad.eventId]])

    // A replay after the repair, and a third publication in another partition.
    expect(endings(await rows.accept(chunk({ expected: 3n, next: 3n, events, project })))).toEqual({
      0: 'repeated',
      1: 'repeated',
      2: 'repeated',
    })
    const elsewhere = { ...chunk({ next: 1n, events: [{ ...repaired, offset: 0n }], project }), partition: 1 }
    expect(endings(await rows.accept(elsewhere))).toEqual({ 0: 'repeated' })
    expect(counted).toEqual([[bad.eventId]])
  })

  test('a repaired event on which the projection fails again can be repaired again', async () => {
    const bad = fact(0n)
    await rows.accept(chunk({ next: 1n, passed: [letterOf(bad)], project }))
    const second = { ...bad, offset: 1n, contentHash: hash('second') }
    expect(await rows.accept(chunk({ expected: 1n, next: 2n, passed: [letterOf(second)], project }))).toMatchObject({ deadLetters: 1 })
    const third = { ...bad, offset: 2n, contentHash: hash('third') }
    expect(endings(await rows.accept(chunk({ expected: 2n, next: 3n, events: [second, third], project })))).toEqual({
      1: 'repeated',
      2: 'accepted',
    })
    expect(counted).toEqual([[bad.eventId]])
  })
})

test('accepting 5,000 events a second time changes nothing', async () => {
  const size = 500
  const events = Array.from({ length: 5_000 }, (_, index) => event(BigInt(index), [mail(`key-${index}`)]))
  const pass = async (from: bigint) => {
    const began = performance.now()
    for (let at = 0; at < events.length; at += size) {
      const some = events.slice(at, at + size)
      const result = await store.accept(chunk({ expected: from + BigInt(at), next: from + BigInt(at + size), events: some }))
      expect(result).toMatchObject({ is: 'accepted', intents: from === 0n ? size : 0 })
    }
    return ((performance.now() - began) * 1000) / events.length
  }
  const first = await pass(0n)
  const second = await pass(5_000n)
  console.info(`accept: ${first.toFixed(1)} microseconds per event, repeated ${second.toFixed(1)}`)
  const [count] = await db.sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM worker.outcomes WHERE group_name = $1 AND outcome = 'accepted'`,
    [group],
  )
  expect(count).toEqual({ count: 5_000 })
  expect(await intents()).toHaveLength(5_000)
})

const campaign = randomUUID()
const user = randomUUID()

function event(offset: bigint, drafts: readonly IntentDraft[]): AcceptedEvent {
  const eventId = randomUUID()
  return { offset, eventId, type: 'user.signed_up', at: new Date('2026-01-02T03:04:05.678Z'), contentHash: hash(eventId), drafts }
}

function mail(key: string): IntentDraft {
  return { kind: 'mail.welcome', version: 1, channel: 'email', key, campaignId: campaign, userId: user, data: { note: 'it\'s "a\\b" {}' } }
}

function recalculation(key: string): IntentDraft {
  return { kind: 'leaderboard.recalculate', version: 1, channel: 'leaderboard', key, coalesce: true, campaignId: campaign, data: {} }
}

/** An event for a projection. */
function fact(offset: bigint): AcceptedEvent {
  const plain = event(offset, [])
  return { ...plain, event: foreign({ id: plain.eventId, type: plain.type }) }
}

function letterOf({ offset, eventId, type, contentHash }: AcceptedEvent) {
  return { offset, eventId, type, contentHash, reason: 'consumer-error' } as const
}

function throws(): never {
  throw new TypeError('a bug')
}

function rejects(): Promise<never> {
  return Promise.reject(new TypeError('a bug'))
}

/** What no caller could write in TypeScript. */
function foreign(value: unknown): never {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the point of it
  return value as never
}

function hash(text: string): Uint8Array {
  return createHash('sha256').update(text).digest()
}

function chunk(change: Partial<Chunk> & { next: bigint }): Chunk {
  return { group, topic: 'topic', partition: 0, expected: 0n, recoverBelow: 0n, events: [], passed: [], reservation: null, ...change }
}

function endings(result: AcceptResult): unknown {
  return result.is === 'accepted' ? Object.fromEntries(result.outcomes) : result
}

async function progress(): Promise<bigint | undefined> {
  return (await store.readProgress(group, 'topic'))[0]?.next
}

async function outcomes() {
  return db.sql.query<Record<string, unknown>>(
    `SELECT event_id, type, partition, "offset", outcome, effects FROM worker.outcomes WHERE group_name = $1 ORDER BY "offset"`,
    [group],
  )
}

async function intents() {
  return db.sql.query<Record<string, unknown>>(`SELECT * FROM worker.intents WHERE group_name = $1 ORDER BY id`, [group])
}

async function databaseNow(): Promise<number> {
  const [row] = await db.sql.query<{ now: Date }>('SELECT now()')
  return Number(row?.now)
}
