import { describe, expect, it } from 'vitest'
import { contentHashOf } from '../../../src/events/identity.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { acceptChunk, type Acceptor } from '../../../src/ingest/accept-chunk.ts'
import type { OpenReservation } from '../../../src/model/reservation.ts'
import type { Chunk } from '../../../src/ingest/accept-store.ts'
import type { Fact } from '../../../src/model/fact.ts'
import type { FaultyRecord, ReadChunk } from '../../../src/ingest/read-chunks.ts'
import { createAcceptorFixture } from '../../support/acceptor.ts'
import { recordOf, recordOfEvent } from '../../support/log-records.ts'
import { sampleEvent } from '../../support/sample-event.ts'

type ReadEvent = ReadChunk['events'][number]

/** The event at an offset, with one draft; `n` sets whose it is, `id` another id. */
function event(offset: number, { n = offset, id = sampleEvent('user.verified', n).id } = {}): ReadEvent {
  const content = sampleEvent('user.verified', n)
  const draft = { kind: 'mail', version: 1, channel: 'email' as const, key: `mail:${id}`, campaignId: content.campaign_id, data: {} }
  const contentHash = contentHashOf('user.verified', content.data)
  return {
    record: recordOfEvent(offset, content),
    accepted: { offset: BigInt(offset), eventId: id, type: content.type, at: new Date(0), contentHash, drafts: [draft] },
  }
}

function faulty(offset: number): FaultyRecord {
  const record = recordOf(offset, '{')
  return { record, eventId: null, type: null, contentHash: null, reason: 'not-json', detail: 'the value is not JSON' }
}

function chunkOf(next: number, events: readonly ReadEvent[], faults: readonly FaultyRecord[] = []): ReadChunk {
  return { next: BigInt(next), events, faulty: faults, skipped: new Map() }
}

const never = new AbortController().signal
const place = { partition: 0, expected: 0n, recoverBelow: 0n, signal: never }
const holds = (chunk: Chunk, poison: ReadEvent) => chunk.events.some(({ eventId }) => eventId === poison.accepted.eventId)
const dataException = new SqlError('invalid input', { state: '22P02' })
const lostConnection = new SqlError('connection terminated', {})
const named = (facts: readonly Fact[], is: Fact['is']) => facts.filter((fact) => fact.is === is)

describe('a chunk without faults', () => {
  it('is written in one transaction, after its dead letters are acknowledged', async () => {
    const { acceptor, store, letters, facts } = createAcceptorFixture()
    store.refuses = () => {
      expect(letters).toHaveLength(1)
      return null
    }
    const end = await acceptChunk(acceptor, place, chunkOf(5, [event(0), event(2)], [faulty(1)]))
    expect(end).toMatchObject({ is: 'accepted', intents: 2, deadLetters: 1 })
    expect(end).toHaveProperty(
      'outcomes',
      new Map([
        [0n, 'accepted'],
        [2n, 'accepted'],
        [1n, 'dead-letter'],
      ]),
    )
    expect(store.tried).toHaveLength(1)
    expect(store.rows.get(0)?.next).toBe(5n)
    expect(letters).toMatchObject([{ topic: 'domain-events', partition: 0, group: 'test-workers', reason: 'not-json', attempts: 1 }])
    expect(facts).toMatchObject([{ is: 'dead-lettered', offset: 1n, reason: 'not-json' }])
  })

  it('passes the reservation on, and releases it whatever the result', async () => {
    const { acceptor, store } = createAcceptorFixture()
    const released: Parameters<OpenReservation['release']>[0][] = []
    const reservation = { owner: 'me', workers: [{ channel: 'email', count: 3, leaseMs: 1, share: 5, held: new Map() }] }
    const reserving: Acceptor = { ...acceptor, reserve: () => ({ reservation, release: (written) => void released.push(written) }) }
    let tries = 0
    store.refuses = () => (++tries === 1 ? lostConnection : null)
    await acceptChunk(reserving, place, chunkOf(1, [event(0)]))
    expect(released).toMatchObject([null, { is: 'accepted' }])
    expect(store.tried.map((chunk) => chunk.reservation)).toEqual([reservation, reservation])
  })

  it('is not written when the progress row has moved, and nothing is reported', async () => {
    const { acceptor, store, facts } = createAcceptorFixture()
    store.put(0, 7n)
    expect(await acceptChunk(acceptor, place, chunkOf(5, [event(0)], [faulty(1)]))).toEqual({ is: 'moved', row: 7n })
    store.rows.clear()
    expect(await acceptChunk(acceptor, place, chunkOf(5, [event(0)]))).toEqual({ is: 'moved', row: null })
    expect(store.intents.size).toBe(0)
    expect(facts).toEqual([])
  })
})

describe('a poison event', () => {
  it('is found although a pause began meanwhile, except in a projection, whose rest is read again later', async () => {
    const { acceptor, store } = createAcceptorFixture()
    const poison = event(1)
    store.refuses = (chunk) => (holds(chunk, poison) ? dataException : null)
    const paused: Acceptor = { ...acceptor, isPaused: () => true }
    const chunk = chunkOf(3, [event(0), poison, event(2)])
    expect(await acceptChunk({ ...paused, project: () => Promise.resolve() }, place, chunk)).toMatchObject({ is: 'accepted', upTo: 0n })
    expect(await acceptChunk(paused, place, chunk)).toMatchObject({ is: 'accepted', intents: 2, deadLetters: 1 })
    expect(store.rows.get(0)?.next).toBe(3n)
  })

  it('is found and dead-lettered alone, in log order; the other events have their effects', async () => {
    const { acceptor, store, letters, facts } = createAcceptorFixture()
    const poison = event(2)
    store.refuses = (chunk) => (holds(chunk, poison) ? dataException : null)
    const end = await acceptChunk(acceptor, place, chunkOf(9, [event(0), poison, event(3), event(5)], [faulty(1)]))
    expect(end).toMatchObject({ is: 'accepted', intents: 3, deadLetters: 2 })
    expect([...(end.is === 'accepted' ? end.outcomes : [])]).toEqual([
      [0n, 'accepted'],
      [1n, 'dead-letter'],
      [2n, 'dead-letter'],
      [3n, 'accepted'],
      [5n, 'accepted'],
    ])
    expect(store.rows.get(0)?.next).toBe(9n)
    expect([...store.outcomes.values()].map(({ outcome }) => outcome)).toEqual(['accepted', 'dead-letter', 'accepted', 'accepted'])
    expect(named(facts, 'dead-lettered')).toMatchObject([
      { offset: 1n, reason: 'not-json' },
      { offset: 2n, reason: 'database-rejected', detail: 'SQLSTATE 22P02', eventId: poison.accepted.eventId, type: 'user.verified' },
    ])
    expect(letters.filter(({ reason }) => reason === 'database-rejected')).toMatchObject([{ attempts: 2, record: { offset: 2n } }])
    expect(named(facts, 'waiting')).toEqual([])
  })

  it('that a stop interrupts the search for: what is accepted so far is reported, and committed to Kafka', async () => {
    const { acceptor, store } = createAcceptorFixture()
    const poison = event(2)
    const stop = new AbortController()
    store.refuses = (chunk) => {
      if (!holds(chunk, poison)) return null
      if (chunk.events.length === 1) stop.abort()
      return dataException
    }
    const end = await acceptChunk(acceptor, { ...place, signal: stop.signal }, chunkOf(9, [event(0), event(1), poison, event(3)]))
    expect(end).toMatchObject({ is: 'accepted', upTo: 2n, intents: 2, deadLetters: 0 })
    expect(store.rows.get(0)?.next).toBe(2n)
  })

  it('is given up only after it has failed alone twice, with an accept of nothing but the progress row in between', async () => {
    const { acceptor, store } = createAcceptorFixture()
    const poison = event(0)
    store.refuses = (chunk) => (holds(chunk, poison) ? dataException : null)
    await acceptChunk(acceptor, place, chunkOf(1, [poison]))
    expect(store.tried.map(({ events, passed, next }) => [events.length, passed.length, next])).toEqual([
      [1, 0, 1n],
      [0, 0, 0n],
      [1, 0, 1n],
      [0, 1, 1n],
    ])
  })

  it('is not given up when the second attempt succeeds', async () => {
    const { acceptor, store, letters } = createAcceptorFixture()
    let tries = 0
    store.refuses = (chunk) => (chunk.events.length > 0 && ++tries === 1 ? dataException : null)
    expect(await acceptChunk(acceptor, place, chunkOf(1, [event(0)]))).toMatchObject({ is: 'accepted', intents: 1 })
    expect(letters).toEqual([])
  })

  it('is not given up while the progress row alone cannot be written: the group waits', async () => {
    const { acceptor, store, letters, facts } = createAcceptorFixture()
    let broken = 3
    store.refuses = (chunk) => {
      if (chunk.events.length > 0) return broken > 0 ? dataException : null
      return broken-- > 0 ? dataException : null
    }
    expect(await acceptChunk(acceptor, place, chunkOf(1, [event(0)]))).toMatchObject({ is: 'accepted', intents: 1 })
    expect(letters).toEqual([])
    expect(named(facts, 'waiting')).toHaveLength(3)
  })

  it('ends the search when the row has moved or the assignment ends', async () => {
    const { acceptor, store } = createAcceptorFixture()
    const poison = event(1)
    store.refuses = (chunk) => {
      if (chunk.events.length === 1 && chunk.events[0]?.offset === 0n) store.put(0, 4n)
      return holds(chunk, poison) ? dataException : null
    }
    expect(await acceptChunk(acceptor, place, chunkOf(3, [event(0), poison]))).toEqual({ is: 'moved', row: 4n })

    const second = createAcceptorFixture()
    const stopping = new AbortController()
    second.store.refuses = (chunk) => {
      if (chunk.events.length === 0) {
        stopping.abort()
        return lostConnection
      }
      return dataException
    }
    expect(await acceptChunk(second.acceptor, { ...place, signal: stopping.signal }, chunkOf(1, [event(0)]))).toEqual({ is: 'ended' })
    expect(second.letters).toEqual([])
  })
})

describe('an id that is on record for another event', () => {
  it('is dead-lettered as id-conflict, from an earlier chunk or the same one, and the others are accepted', async () => {
    const { acceptor, store, letters, facts } = createAcceptorFixture()
    const first = event(0)
    const { eventId: id } = first.accepted
    expect(await acceptChunk(acceptor, place, chunkOf(4, [first, event(1), event(2, { n: 77, id }), event(3)]))).toMatchObject({
      intents: 3,
    })
    const end = await acceptChunk(acceptor, { ...place, expected: 4n, recoverBelow: 0n }, chunkOf(6, [event(4, { n: 88, id }), event(5)]))
    expect(end).toHaveProperty(
      'outcomes',
      new Map([
        [5n, 'accepted'],
        [4n, 'dead-letter'],
      ]),
    )
    expect(letters.map(({ reason, record }) => [reason, record.offset])).toEqual([
      ['id-conflict', 2n],
      ['id-conflict', 4n],
    ])
    expect(named(facts, 'dead-lettered')).toHaveLength(2)
    expect(store.rows.get(0)?.next).toBe(6n)
  })

  it('is also found while an event is retried alone', async () => {
    const { acceptor, store, letters } = createAcceptorFixture()
    const { eventId: id } = event(0).accepted
    await acceptChunk(acceptor, place, chunkOf(1, [event(0)]))
    let tries = 0
    store.refuses = (chunk) => (chunk.events.length > 0 && ++tries === 1 ? dataException : null)
    await acceptChunk(acceptor, { ...place, expected: 1n, recoverBelow: 0n }, chunkOf(2, [event(1, { n: 99, id })]))
    expect(letters.map(({ reason }) => reason)).toEqual(['id-conflict'])
  })

  it('is no conflict when the content is the same', async () => {
    const { acceptor, letters } = createAcceptorFixture()
    const end = await acceptChunk(acceptor, place, chunkOf(2, [event(0, { n: 5 }), event(1, { n: 5 })]))
    expect(end).toMatchObject({ intents: 1 })
    expect(end).toHaveProperty('outcomes', new Map([[0n, 'accepted'], [1n, 'repeated']])) // prettier-ignore
    expect(letters).toEqual([])
  })
})

describe('a transient error', () => {
  it.each<[string, unknown]>([
    ['the database away', lostConnection],
    ['the database read-only', new SqlError('read-only', { state: '25006' })],
    ['a table missing', new SqlError('no such table', { state: '42P01' })],
    ['a bug of ours', new TypeError('x is not a function')],
  ])('(%s) is waited for, ever longer, and dead-letters nothing', async (_, error) => {
    const { acceptor, store, letters, facts } = createAcceptorFixture()
    let tries = 0
    store.refuses = () => (++tries <= 12 ? error : null)
    expect(await acceptChunk(acceptor, place, chunkOf(2, [event(0), event(1)]))).toMatchObject({ is: 'accepted', intents: 2 })
    expect(letters).toEqual([])
    const waits = facts.flatMap((fact) => (fact.is === 'waiting' ? [fact.retryInMs] : []))
    expect(waits).toHaveLength(12)
    expect(waits[0]).toBeLessThanOrEqual(100)
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_000)
    expect(Math.min(...waits.slice(8))).toBeGreaterThanOrEqual(2_500)
    expect(facts.at(-1)).toMatchObject({ is: 'resumed', partition: 0 })
  })

  it('is no longer retried when the assignment ends, and nothing is written', async () => {
    const { acceptor, store, facts } = createAcceptorFixture()
    const stopping = new AbortController()
    store.refuses = () => lostConnection
    const observe = (fact: Fact) => {
      acceptor.observe(fact)
      if (fact.is === 'waiting' && fact.attempt === 3) stopping.abort()
    }
    const end = await acceptChunk({ ...acceptor, observe }, { ...place, signal: stopping.signal }, chunkOf(1, [event(0)]))
    expect(end).toEqual({ is: 'ended' })
    expect(store.rows.get(0)?.next).toBe(0n)
    expect(facts.map((fact) => fact.is)).toEqual(['waiting', 'waiting', 'waiting'])
  })

  it('causes no attempt when the assignment has ended before', async () => {
    const { acceptor, store, letters } = createAcceptorFixture()
    expect(await acceptChunk(acceptor, { ...place, signal: AbortSignal.abort() }, chunkOf(2, [event(0)], [faulty(1)]))).toEqual({
      is: 'ended',
    })
    expect(store.tried).toEqual([])
    expect(letters).toEqual([])
  })

  it('of the dead-letter topic delays the transaction; one of the database publishes nothing twice', async () => {
    const { acceptor, store, letters, refusedPublications } = createAcceptorFixture()
    refusedPublications.push(new Error('no leader'), new Error('no leader'))
    let tries = 0
    store.refuses = () => (++tries <= 2 ? lostConnection : null)
    await acceptChunk(acceptor, place, chunkOf(2, [event(0)], [faulty(1)]))
    expect(letters).toHaveLength(1)
    expect(store.tried).toHaveLength(3)
  })

  it('is assumed for any error when the chunk holds no event', async () => {
    const { acceptor, store, letters, facts } = createAcceptorFixture()
    let tries = 0
    store.refuses = () => (++tries === 1 ? dataException : null)
    expect(await acceptChunk(acceptor, place, chunkOf(1, [], [faulty(0)]))).toMatchObject({ is: 'accepted', deadLetters: 1 })
    expect(letters.map(({ reason }) => reason)).toEqual(['not-json'])
    expect(named(facts, 'waiting')).toHaveLength(1)
  })

  it('may be a commit whose answer was lost: the next attempt finds the row at the end of the chunk, and nothing happens twice', async () => {
    const { acceptor, store } = createAcceptorFixture()
    let answers = 0
    store.losesAnswer = () => (++answers === 1 ? lostConnection : null)
    expect(await acceptChunk(acceptor, place, chunkOf(3, [event(0), event(1)]))).toEqual({ is: 'moved', row: 3n })
    expect(store.outcomes.size).toBe(2)
    expect(store.intents.size).toBe(2)
  })
})
