import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { AnyEvent } from '../../../src/events/event.ts'
import type { AcceptedEvent, AcceptStore } from '../../../src/ingest/accept-store.ts'
import { MemoryAcceptStore } from '../../support/memory-accept-store.ts'
import {
  chunk,
  closeAcceptStore,
  outcomesOf,
  event,
  foreign,
  group,
  hash,
  openAcceptStore,
  outcomes,
  progress,
  startGroup,
  store,
} from './accept-fixture.ts'

beforeAll(openAcceptStore)
afterAll(closeAcceptStore)
beforeEach(startGroup)

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
    expect(outcomesOf(result)).toEqual({ 0: 'accepted', 1: 'repeated' })
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
    expect(outcomesOf(again)).toEqual({ 0: 'accepted' })
  })

  test.each([
    ['unchanged', {}],
    ['repaired', { contentHash: hash('repaired') }],
  ])('a dead-lettered event that is published again, %s, counts once; the dead letter itself, read again, does not', async (__, change) => {
    const bad = fact(0n)
    expect(await rows.accept(chunk({ next: 1n, passed: [letterOf(bad)], project }))).toMatchObject({ deadLetters: 1 })
    // A replay before the repair.
    const early = await rows.accept({ ...chunk({ expected: 1n, next: 1n, events: [bad], project }) })
    expect(outcomesOf(early)).toEqual({ 0: 'repeated' })
    expect(counted).toEqual([])

    const repaired = { ...bad, offset: 1n, ...change }
    // A replay reads both in one chunk; the second publication of the repaired event is a repeat.
    const events = [bad, repaired, { ...repaired, offset: 2n }]
    expect(outcomesOf(await rows.accept(chunk({ expected: 1n, next: 3n, events, project })))).toEqual({
      0: 'repeated',
      1: 'accepted',
      2: 'repeated',
    })
    expect(counted).toEqual([[bad.eventId]])

    // A replay after the repair, and a third publication in another partition.
    expect(outcomesOf(await rows.accept(chunk({ expected: 3n, next: 3n, events, project })))).toEqual({
      0: 'repeated',
      1: 'repeated',
      2: 'repeated',
    })
    const elsewhere = { ...chunk({ next: 1n, events: [{ ...repaired, offset: 0n }], project }), partition: 1 }
    expect(outcomesOf(await rows.accept(elsewhere))).toEqual({ 0: 'repeated' })
    expect(counted).toEqual([[bad.eventId]])
  })

  test('a repaired event on which the projection fails again can be repaired again', async () => {
    const bad = fact(0n)
    await rows.accept(chunk({ next: 1n, passed: [letterOf(bad)], project }))
    const second = { ...bad, offset: 1n, contentHash: hash('second') }
    expect(await rows.accept(chunk({ expected: 1n, next: 2n, passed: [letterOf(second)], project }))).toMatchObject({ deadLetters: 1 })
    const third = { ...bad, offset: 2n, contentHash: hash('third') }
    expect(outcomesOf(await rows.accept(chunk({ expected: 2n, next: 3n, events: [second, third], project })))).toEqual({
      1: 'repeated',
      2: 'accepted',
    })
    expect(counted).toEqual([[bad.eventId]])
  })
})

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
