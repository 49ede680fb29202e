import { schemaIdOf, type ValueReader, type WriterSchemas } from '../events/framed-value.ts'
import type { Observe } from '../model/fact.ts'
import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
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
 * The schemas of all values of these records that name one, so that they can be decoded without waiting. While the registry is away the
 * partition waits, and reports it.
 *
 * @returns `ended` when the signal aborts before all are there
 */
export async function fetchSchemas(records: readonly LogRecord[], request: SchemaRequest): Promise<WriterSchemas | 'ended'> {
  const { source, group, partition, clock, observe, signal } = request
  const missing = idsIn(records, request.filter)
  const schemas = new Map<number, ValueReader>()
  for (let attempt = 1; missing.size > 0; attempt++) {
    if (signal.aborted) return 'ended'
    try {
      for (const ids of batchesOf([...missing])) {
        for (const [id, reader] of await Promise.all(ids.map(async (id) => [id, await source.reader(id, signal)] as const))) {
          schemas.set(id, reader)
          missing.delete(id)
        }
      }
      if (attempt > 1) observe({ is: 'resumed', group, partition })
    } catch (error) {
      // A `waiting` reported now would never be followed by `resumed`.
      if (signal.aborted) return 'ended'
      const retryInMs = backoff(attempt, { baseMs: 250, maxMs: 5_000 })
      observe({ is: 'waiting', group, partition, cause: messageOf(error), retryInMs, attempt })
      await clock.sleep(retryInMs, signal)
    }
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
