import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createAcceptStore } from '../../../src/infra/postgres/ingest/postgres-accept-store.ts'
import { openPool } from './open-pool.ts'
import {
  chunk,
  closeAcceptStore,
  db,
  outcomesOf,
  event,
  foreign,
  group,
  hash,
  intents,
  mail,
  openAcceptStore,
  outcomes,
  progress,
  recalculation,
  startGroup,
  store,
} from './accept-fixture.ts'

beforeAll(openAcceptStore)
afterAll(closeAcceptStore)
beforeEach(startGroup)

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
  expect(outcomesOf(again)).toEqual({ 1: 'repeated', 2: 'accepted' })
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
  expect(outcomesOf(twice)).toEqual({ 0: 'accepted', 1: 'repeated' })
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
  expect(outcomesOf(result)).toEqual({ 1: 'duplicate', 2: 'accepted', 3: 'duplicate' })
  expect((await outcomes()).map(({ outcome }) => outcome)).toEqual(['accepted', 'duplicate', 'accepted', 'duplicate'])
  expect((await intents()).map(({ key }) => key)).toEqual(['a', 'b'])
})

test('coalescing requests become one pending intent, and each has its effect; a claimed intent absorbs none', async () => {
  const first = await store.accept(
    chunk({ next: 2n, events: [event(0n, [recalculation('campaign')]), event(1n, [recalculation('campaign')])] }),
  )
  expect(first).toMatchObject({ intents: 1 })
  const second = await store.accept(chunk({ expected: 2n, next: 3n, events: [event(2n, [recalculation('campaign')])] }))
  expect(outcomesOf(second)).toEqual({ 2: 'accepted' })
  expect(await intents()).toHaveLength(1)

  await db.sql.query(`UPDATE worker.intents SET state = 'claimed' WHERE group_name = $1`, [group])
  await store.accept(chunk({ expected: 3n, next: 4n, events: [event(3n, [recalculation('campaign')])] }))
  expect((await intents()).map(({ state }) => state)).toEqual(['claimed', 'pending'])
})

test("groups do not see each other's outcomes and effects", async () => {
  const shared = event(0n, [mail('a')])
  await store.accept(chunk({ next: 1n, events: [shared] }))
  await startGroup()
  expect(outcomesOf(await store.accept(chunk({ next: 1n, events: [shared] })))).toEqual({ 0: 'accepted' })
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
  expect(outcomesOf(again)).toEqual({ 0: 'repeated' })
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
