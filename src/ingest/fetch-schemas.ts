import { schemaIdOf, type ValueReader, type WriterSchemas } from '../events/framed-value.ts'
import type { Observe } from '../model/fact.ts'
import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import { answerWithin } from '../std/within-deadline.ts'
import type { LogRecord } from './record-source.ts'
import type { SchemaSource } from './schema-source.ts'
import type { TypeFilter } from './type-filter.ts'

/** A registry, and the partition that waits for it. */
export interface SchemaRequest {
  readonly source: SchemaSource
  readonly filter: TypeFilter
  readonly group: string
  readonly partition: number
  readonly clock: Pick<Clock, 'sleep'>
  readonly observe: Observe
  readonly signal: AbortSignal
}

/**
 * The schemas of all values of these records that name one, so that they can be decoded without waiting. When the registry is away, or
 * has not given them all within {@link FETCH_MS}, reports that the partition waits, and pauses: for up to 15 s in all. Requests
 * under way go on.
 *
 * @param attempt counts from 1 the calls for a partition since the registry was there
 * @returns null when the records cannot be read yet: the registry is away or slow, or the signal aborts
 */
export async function fetchSchemas(records: readonly LogRecord[], attempt: number, request: SchemaRequest): Promise<WriterSchemas | null> {
  const { group, partition, clock, observe, signal } = request
  const over = new AbortController()
  try {
    const ids = [...idsIn(records, request.filter)]
    const schemas = await answerWithin(FETCH_MS, readersOf(ids, request, over.signal), LATE, clock)
    if (signal.aborted) return null
    if (attempt > 1) observe({ is: 'resumed', group, partition })
    return schemas
  } catch (error) {
    // A `waiting` reported now would never be followed by `resumed`.
    if (signal.aborted) return null
    const retryInMs = backoff(attempt, { baseMs: 250, maxMs: 5_000 })
    observe({ is: 'waiting', group, partition, cause: messageOf(error), retryInMs, attempt })
    await clock.sleep(retryInMs, signal)
    return null
  } finally {
    over.abort()
  }
}

/** Of one call: a batch that takes longer than a few statements of the database counts as stalled. */
const FETCH_MS = 10_000
const LATE = `the schema registry has not given the schemas of a batch within ${FETCH_MS / 1_000} s: check its health`

async function readersOf(ids: readonly number[], { source, signal }: SchemaRequest, over: AbortSignal): Promise<WriterSchemas> {
  const schemas = new Map<number, ValueReader>()
  for (const some of batchesOf(ids)) {
    if (signal.aborted || over.aborted) break
    for (const [id, reader] of await Promise.all(some.map(async (id) => [id, await source.reader(id, signal)] as const)))
      schemas.set(id, reader)
  }
  return schemas
}

/** Schemas that are requested side by side: a registry that comes back meets every group at once. */
const AT_ONCE = 8

function batchesOf(ids: readonly number[]): readonly (readonly number[])[] {
  return Array.from({ length: Math.ceil(ids.length / AT_ONCE) }, (_, index) => ids.slice(index * AT_ONCE, (index + 1) * AT_ONCE))
}

/** Of values that the group reads: a type in the headers may spare the rest. */
function idsIn(records: readonly LogRecord[], filter: TypeFilter): Set<number> {
  const ids = new Set<number>()
  for (const record of records) {
    if (filter.skips(record) !== null) continue
    const id = schemaIdOf(record.value)
    if (id !== null) ids.add(id)
  }
  return ids
}
