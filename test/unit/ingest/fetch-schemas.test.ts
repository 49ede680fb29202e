import { afterEach, describe, expect, it } from 'vitest'
import { framed, type ValueReader } from '../../../src/events/framed-value.ts'
import { readJson } from '../../../src/events/read-json.ts'
import type { LogRecord } from '../../../src/ingest/record-source.ts'
import { recordOf } from '../../support/log-records.ts'
import { sampleEvent } from '../../support/sample-event.ts'
import { filled, ours, runningFixture, soon, stopWorkers } from './worker-fixture.ts'

afterEach(stopWorkers)

/** The record of an event whose value begins with the id of a schema. */
function framedRecord(offset: number, schemaId: number, type: 'user.verified' | 'user.signed_up' = 'user.verified'): LogRecord {
  const event = sampleEvent(type, offset)
  return recordOf(offset, framed(schemaId, Buffer.from(JSON.stringify(event))), { 'event-type': event.type, 'event-version': '1' })
}

/** A registry that is away for the first calls. */
function registry(awayFor = 0) {
  const asked: number[] = []
  let left = awayFor
  return {
    asked,
    async reader(id: number): Promise<ValueReader> {
      asked.push(id)
      if (left-- > 0) throw new Error('the schema registry is away')
      return id === 9 ? () => ({ reason: 'unknown-schema', detail: 'the schema registry does not know schema 9' }) : readJson
    },
  }
}

describe('values that begin with the id of a schema', () => {
  it('are accepted by it, which is requested once for all of a batch', async () => {
    const schemas = registry()
    const { source, factsOf } = await runningFixture({ ...filled, schemas })
    expect(await source.batch(0, [framedRecord(0, 7), ours(1), framedRecord(2, 7), framedRecord(3, 8)], 4)).toBe(4n)
    expect(schemas.asked).toEqual([7, 8])
    expect(factsOf('accepted').map(({ counts }) => counts.get('user.verified')?.ok)).toEqual([2, 2])
  })

  it('of other groups cause no request', async () => {
    const schemas = registry()
    const { source } = await runningFixture({ ...filled, schemas })
    expect(await source.batch(0, [framedRecord(0, 7, 'user.signed_up')], 1)).toBe(1n)
    expect(schemas.asked).toEqual([])
  })

  it('wait while the registry is away: the group says so, leaves the way to other partitions in between, and goes on where it was', async () => {
    const schemas = registry(2)
    const { source, worker, clock, factsOf } = await runningFixture({ ...filled, schemas })
    for (const attempt of [1, 2]) {
      const batch = source.batch(0, [framedRecord(0, 7)], 1)
      await soon(() => expect(factsOf('waiting')).toHaveLength(attempt))
      expect(factsOf('waiting').at(-1)).toMatchObject({ partition: 0, cause: 'the schema registry is away', attempt })
      clock.advance(5_000)
      expect(await batch).toBe(0n)
      expect(worker.status()).toMatchObject({ state: 'waiting', reason: 'the schema registry is away' })
    }
    expect(factsOf('accepted')).toEqual([])
    expect(await source.batch(1, [ours(0)], 1)).toBe(1n)
    expect(await source.batch(0, [framedRecord(0, 7)], 1)).toBe(1n)
    expect(factsOf('resumed')).toHaveLength(1)
    expect(worker.status().state).toBe('running')
    expect(factsOf('accepted')).toHaveLength(2)
    // The next wait is counted from its beginning.
    expect(await source.batch(0, [framedRecord(1, 7)], 2)).toBe(2n)
    expect(factsOf('resumed')).toHaveLength(1)
  })

  it('wait outside their batch for a registry that is slow: what was requested goes on, and is there for the next attempt', async () => {
    const asked: number[] = []
    const slow = Promise.withResolvers<ValueReader>()
    const schemas = {
      reader: (id: number) => {
        asked.push(id)
        return slow.promise
      },
    }
    const { source, clock, factsOf } = await runningFixture({ ...filled, schemas })
    const records = Array.from({ length: 9 }, (_, offset) => framedRecord(offset, offset))
    const batch = source.batch(0, records, 9)
    await soon(() => expect(asked).toHaveLength(8))
    clock.advance(10_000)
    await soon(() => expect(factsOf('waiting')).toHaveLength(1))
    expect(factsOf('waiting')).toMatchObject([
      { partition: 0, cause: 'the schema registry has not given the schemas of a batch within 10 s: check its health', attempt: 1 },
    ])
    clock.advance(5_000)
    expect(await batch).toBe(0n)
    slow.resolve(readJson)
    expect(await source.batch(1, [ours(0)], 1)).toBe(1n)
    // The attempt that is over requests nothing more.
    expect(asked).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(await source.batch(0, records, 9)).toBe(9n)
    expect(asked.slice(8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(factsOf('resumed')).toHaveLength(1)
  })

  it('are left to the next owner when the assignment ends meanwhile', async () => {
    const { source, factsOf } = await runningFixture({ ...filled, schemas: registry(100) })
    const batch = source.batch(0, [framedRecord(0, 7)], 1)
    await soon(() => expect(factsOf('waiting')).toHaveLength(1))
    source.endAssignment()
    expect(await batch).toBe(0n)
    expect(factsOf('accepted')).toEqual([])
    expect(factsOf('dead-lettered')).toEqual([])
  })

  it('report no wait that would never end: the assignment ended during a request', async () => {
    const asked = Promise.withResolvers<void>()
    const schemas = {
      reader: (_: number, signal: AbortSignal) => {
        asked.resolve()
        return new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('the assignment has ended')), { once: true })
        })
      },
    }
    const { source, factsOf } = await runningFixture({ ...filled, schemas })
    const batch = source.batch(0, [framedRecord(0, 7)], 1)
    await asked.promise
    source.endAssignment()
    expect(await batch).toBe(0n)
    expect(factsOf('waiting')).toEqual([])
  })

  it('are dead letters where the registry does not know the schema, and the others are accepted', async () => {
    const { source, factsOf } = await runningFixture({ ...filled, schemas: registry() })
    expect(await source.batch(0, [framedRecord(0, 9), framedRecord(1, 7)], 2)).toBe(2n)
    expect(factsOf('dead-lettered')).toMatchObject([
      { offset: 0n, reason: 'unknown-schema', detail: 'the schema registry does not know schema 9' },
    ])
    expect(factsOf('accepted')[0]?.counts.get('user.verified')?.ok).toBe(1)
  })

  it('are dead letters that name the cause where no registry is configured', async () => {
    const { source, factsOf } = await runningFixture(filled)
    expect(await source.batch(0, [framedRecord(0, 7), recordOf(1, Buffer.from([0, 0]), { 'event-type': 'user.verified' })], 2)).toBe(2n)
    expect(factsOf('dead-lettered')).toMatchObject([
      { reason: 'not-json', detail: 'the value names schema 7 of a schema registry, and none is set: set KAFKA_SCHEMA_REGISTRY_URL' },
      { reason: 'not-json', detail: 'the value begins with a zero byte and has only 2 bytes' },
    ])
  })
})
