import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { DeadLetterFilter } from '../../../src/admin/dead-letters/dead-letter-admin.ts'
import { createDeadLetterAdmin } from '../../../src/infra/postgres/admin/postgres-dead-letter-admin.ts'
import { createForgetter } from '../../../src/infra/postgres/admin/postgres-forgetter.ts'
import { readOrders } from '../../../src/infra/postgres/admin/operator-orders.ts'
import { createLetterStore } from '../../../src/infra/postgres/ingest/postgres-letter-store.ts'
import type { PassedRecord } from '../../../src/ingest/accept-store.ts'
import type { RequestedLetter } from '../../../src/ingest/letter-store.ts'
import type { ProjectingConsumer } from '../../../src/model/consumer.ts'
import {
  chunk,
  closeAcceptStore,
  db,
  event,
  group,
  intents,
  mail,
  openAcceptStore,
  outcomes,
  startGroup,
  store,
  user,
} from './accept-fixture.ts'

beforeAll(openAcceptStore)
afterAll(closeAcceptStore)
beforeEach(startGroup)

const admin = () => createDeadLetterAdmin(db)
const letters = () => createLetterStore(db)
const ada = { owner: 'ada', because: null }

function of(change: Partial<DeadLetterFilter> = {}): DeadLetterFilter {
  const any = { reason: null, type: null, eventId: null, fingerprint: null, since: null, until: null, letters: [] }
  return { ...any, group, states: ['open', 'requested', 'resolved', 'discarded'], ...change }
}

const states = async () =>
  (await admin().records(of(), 100)).map(({ offset, state, replays }) => `${offset} ${state} ${replays}`).toSorted()
const record = (offset: bigint) => ({
  offset,
  timestamp: 1_700_000_000_123,
  key: Buffer.from('key'),
  value: Buffer.from([0, 0xff, 0x22, 0x5c, 0x7b]),
  headers: { 'event-type': Buffer.from('user.signed_up'), twice: [Buffer.from([0xff]), Buffer.from('"b"')], __proto: Buffer.from('x') },
})

/** Gives these records up, from offset 0 on. */
async function giveUp(...passed: readonly (Partial<PassedRecord> & { eventId?: string })[]): Promise<void> {
  const none = { eventId: null, type: null, contentHash: null, reason: 'not-json' as const, detail: 'the value is not JSON' }
  const all = passed.map((one, index) => ({ ...none, ...one, offset: BigInt(index) }))
  expect(await store.accept(chunk({ next: BigInt(all.length), passed: all }))).toMatchObject({ is: 'accepted', deadLetters: all.length })
}

async function request(offset: bigint, allowOlder = false): Promise<RequestedLetter> {
  const place = { group, topic: 'topic', partition: 0, offset }
  expect(await admin().request([{ place, record: record(offset) }], { ...ada, allowOlder })).toBe(1)
  const letter = (await letters().requested(group, 'topic', 10)).find((one) => one.offset === offset)
  if (letter === undefined) throw new Error('it is not requested')
  return letter
}

test('letters are grouped by what failed alike, those of older versions too, and a filter by fingerprint finds them', async () => {
  const bug = { reason: 'consumer-error', type: 'user.verified', detail: 'TypeError at src/consumers/a.ts:3 at src/ingest/b.ts:4' } as const
  await giveUp(bug, { ...bug, detail: 'TypeError at src/consumers/a.ts:3 at src/ingest/c.ts:9' }, { ...bug, type: 'user.signed_up' }, {})
  await db.sql.query(
    `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", type, reason) VALUES ($1, 'topic', 0, 8, 'user.verified', 'consumer-error')`,
    [group],
  )
  const groups = await admin().groups(of())
  expect(groups.map(({ reason, type, error, count }) => `${reason} ${type} ${error} ${count}`).toSorted()).toEqual([
    'consumer-error user.signed_up TypeError at src/consumers/a.ts:3 1',
    'consumer-error user.verified TypeError at src/consumers/a.ts:3 2',
    'consumer-error user.verified null 1',
    'not-json null null 1',
  ])
  const two = groups.find(({ count }) => count === 2)
  const found = await admin().records(of({ fingerprint: two?.fingerprint ?? '' }), 10)
  expect(found.map(({ offset }) => offset).toSorted()).toEqual(['0', '1'])
  expect(await admin().records(of({ fingerprint: '000000000000' }), 10)).toEqual([])

  await admin().note([group], two?.fingerprint ?? '', { owner: 'ada', text: null })
  await admin().note([group], two?.fingerprint ?? '', { owner: null, text: 'fixed soon' })
  expect((await admin().groups(of())).filter(({ owner }) => owner !== null)).toMatchObject([
    { fingerprint: two?.fingerprint, owner: 'ada', note: 'fixed soon' },
  ])
})

test('a requested replay is among the orders of its group, and reads the record byte by byte as it was given', async () => {
  await giveUp({})
  const groups = ['another-group', group]
  expect((await readOrders(db.sql, groups)).letters).toEqual([])
  const letter = await request(0n, true)
  expect((await readOrders(db.sql, groups)).letters).toEqual([group])
  expect(letter).toMatchObject({ group, topic: 'topic', partition: 0, allowOlder: true, replays: 0 })
  const { offset, timestamp, key, value, headers } = record(0n)
  expect(letter.record).toEqual({
    offset,
    timestamp,
    key,
    value,
    headers: Object.fromEntries(Object.entries(headers).map(([name, held]) => [name, [held].flat()])),
  })
})

test('a replay writes outcome and intents and resolves the letter in one transaction, once', async () => {
  await giveUp({ eventId: '00000000-0000-4000-8000-000000000001' })
  const letter = await request(0n)
  const accepted = event(0n, [mail('replayed')])
  expect(await letters().replay(letter, accepted)).toEqual({ is: 'resolved', outcome: 'accepted' })
  expect(await letters().replay(letter, accepted)).toEqual({ is: 'lost' })
  expect(await states()).toEqual(['0 resolved 1'])
  expect(await intents()).toMatchObject([{ key: 'replayed', state: 'pending' }])
  expect(await outcomes()).toMatchObject([{ outcome: 'accepted', effects: ['replayed'] }])
  expect(await db.sql.query('SELECT FROM worker.dead_letter_copies WHERE group_name = $1', [group])).toEqual([])
  expect(await admin().actions(letter)).toMatchObject([
    { action: 'replay', owner: 'ada' },
    { action: 'resolved', because: 'accepted' },
  ])
})

test('a replay that fails before its end leaves nothing behind, and the letter is still requested', async () => {
  await giveUp({})
  const letter = await request(0n)
  await db.sql
    .query(`CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`)
    .catch(() => undefined)
  await db.sql.query(`ALTER TABLE worker.dead_letter_actions ADD CONSTRAINT no_end CHECK (action <> 'resolved') NOT VALID`)
  try {
    await expect(letters().replay(letter, event(0n, [mail('half')]))).rejects.toThrow('no_end')
  } finally {
    await db.sql.query('ALTER TABLE worker.dead_letter_actions DROP CONSTRAINT no_end')
  }
  expect([await states(), await intents(), await outcomes()]).toEqual([['0 requested 0'], [], []])
  expect(await letters().requested(group, 'topic', 10)).toHaveLength(1)
})

test('two processes do not replay one letter: the second finds it held', async () => {
  await giveUp({})
  const letter = await request(0n)
  await db.transaction(async (tx) => {
    await tx.query('SELECT FROM worker.dead_letters WHERE group_name = $1 FOR UPDATE', [group])
    expect(await letters().replay(letter, event(0n, []))).toEqual({ is: 'lost' })
    expect(await letters().fail(letter, { reason: 'not-json', detail: 'x', eventId: null, type: null })).toBe(false)
  })
  expect(await states()).toEqual(['0 requested 0'])
})

test("the outcome of a dead letter gives way to its own replay, edited or not, and not to another fact's under the same id", async () => {
  const own = event(0n, [mail('own')])
  const { eventId, type, contentHash } = own
  await giveUp(
    { eventId, type, contentHash, reason: 'consumer-error' },
    { eventId, type, contentHash: Buffer.from('another'), reason: 'id-conflict' },
  )
  const other = { ...event(1n, []), eventId, contentHash: Buffer.from('another') }
  const conflict = await request(1n)
  expect(await letters().replay(conflict, other)).toEqual({ is: 'conflict' })
  const edited = { ...own, contentHash: Buffer.from('edited') }
  expect(await letters().rehearse(await request(0n), edited)).toEqual({ is: 'resolved', outcome: 'accepted' })
  expect(await outcomes()).toMatchObject([{ outcome: 'dead-letter' }])
  expect(
    await letters().replay(
      await letters()
        .requested(group, 'topic', 10)
        .then((all) => all.find(({ offset }) => offset === 0n) ?? conflict),
      edited,
    ),
  ).toEqual({
    is: 'resolved',
    outcome: 'accepted',
  })
  expect(await outcomes()).toMatchObject([{ outcome: 'accepted', effects: ['own'], offset: '0' }])
  expect(await states()).toEqual(['0 resolved 1', '1 requested 0'])
})

test('an event that is on record under the same id is repeated and has no second effect', async () => {
  const first = event(0n, [mail('once')])
  await store.accept(chunk({ next: 1n, events: [first], passed: [] }))
  await store.accept(
    chunk({ expected: 1n, next: 2n, passed: [{ offset: 1n, eventId: null, type: null, contentHash: null, reason: 'not-json' }] }),
  )
  const letter = await request(1n)
  expect(await letters().replay(letter, { ...first, offset: 1n })).toEqual({ is: 'resolved', outcome: 'repeated' })
  expect(await intents()).toHaveLength(1)
})

const project: ProjectingConsumer['project'] = async (events, tx) => {
  for (const { id } of events) await tx.query('INSERT INTO seen VALUES ($1)', [id])
}

test('a rehearsal says what a replay would do and changes nothing, in a projecting group too', async () => {
  await giveUp({})
  await db.sql.query('CREATE TABLE IF NOT EXISTS seen (id uuid)')
  const letter = { group, topic: 'topic', partition: 0, offset: 0n, record: record(0n), allowOlder: false, replays: 0 }
  const accepted = event(0n, [])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the projection reads its id only
  const projected = { ...accepted, event: { id: accepted.eventId } as never }
  expect(await letters().rehearse(letter, projected, project)).toEqual({ is: 'resolved', outcome: 'accepted' })
  expect([await db.sql.query('SELECT FROM seen'), await outcomes(), await states()]).toEqual([[], [], ['0 open 0']])
  expect(await letters().replay(await request(0n), projected, project)).toEqual({ is: 'resolved', outcome: 'accepted' })
  expect(await db.sql.query('SELECT FROM seen')).toHaveLength(1)
})

test('an event that fails again is open with the new reason, and what is known of its group goes along', async () => {
  await giveUp({ reason: 'invalid-data', type: 'user.verified' })
  const before = (await admin().records(of(), 1))[0]?.fingerprint ?? ''
  await admin().note([group], before, { owner: 'ada', text: 'the importer' })
  const failure = {
    reason: 'consumer-error',
    detail: 'TypeError at src/a.ts:1 at src/b.ts:2',
    eventId: null,
    type: 'user.verified',
  } as const
  expect(await letters().fail(await request(0n), failure)).toBe(true)
  expect(await admin().groups(of())).toMatchObject([
    { reason: 'consumer-error', error: 'TypeError at src/a.ts:1', replayed: 1, owner: 'ada', note: 'the importer' },
  ])
  expect(await states()).toEqual(['0 open 1'])
})

test('an edited copy is read in place of the record, stays with its letter, and is not replaced by a request', async () => {
  await giveUp({})
  const place = { group, topic: 'topic', partition: 0, offset: 0n }
  const copy = { ...record(0n), value: Buffer.from('edited') }
  expect(await admin().edit({ place, record: copy }, ada)).toBe(true)
  expect(await admin().records(of(), 1)).toMatchObject([{ edited: true, state: 'open' }])
  const letter = await request(0n)
  expect(String(letter.record.value)).toBe('edited')
  expect(await admin().edit({ place, record: record(0n) }, ada)).toBe(false)
  expect(await letters().replay(letter, null)).toEqual({ is: 'resolved', outcome: 'skipped' })
  expect(String((await admin().copy(place))?.value)).toBe('edited')
})

test('a discarded letter is withdrawn from its replay, and can be replayed when it is requested again', async () => {
  await giveUp({}, {})
  const letter = await request(0n)
  const places = [0n, 1n].map((offset) => ({ group, topic: 'topic', partition: 0, offset }))
  expect(await admin().discard(places, { owner: 'ada', because: 'a test' })).toBe(2)
  expect(await admin().discard(places, { owner: 'ada', because: 'again' })).toBe(0)
  expect(await letters().replay(letter, event(0n, [mail('late')]))).toEqual({ is: 'lost' })
  expect([await states(), await intents()]).toEqual([['0 discarded 0', '1 discarded 0'], []])
  expect(await admin().counts(of({ states: ['open'] }))).toEqual([])
  expect(await letters().replay(await request(0n), event(0n, [mail('late')]))).toMatchObject({ is: 'resolved' })
})

const place = (offset: bigint) => ({ group, topic: 'topic', partition: 0, offset })

test('forgetting a person deletes the records that are kept for a replay and hold the id, and withdraws the replay', async () => {
  await giveUp({}, {})
  const theirs = { ...record(0n), value: Buffer.from(`{"user_id":"${user.toUpperCase()}"}`) }
  await admin().request(
    [
      { place: place(0n), record: theirs },
      { place: place(1n), record: record(1n) },
    ],
    { ...ada, allowOlder: false },
  )
  const forgetter = createForgetter(db)
  expect(await forgetter.find(user)).toMatchObject({ copies: 1 })
  expect(await forgetter.erase(user, [])).toMatchObject({ copies: 1 })
  expect(await forgetter.find(user)).toMatchObject({ copies: 0 })
  expect(await states()).toEqual(['0 open 0', '1 requested 0'])
})
