import { acceptChunk, type Accepted, type Acceptor, type ChunkResult } from './accept-chunk.ts'
import { spanClock } from '../std/tracer.ts'
import type { WriterSchemas } from '../events/framed-value.ts'
import type { TypeCounts } from '../model/fact.ts'
import { traceChunk, type TracedChunk } from './chunk-spans.ts'
import type { CrashLoopBreaker } from './crash-loop-breaker.ts'
import type { PartitionProgress } from './partition-progress.ts'
import { readChunks, type ChunkReader, type ReadChunk } from './read-chunks.ts'
import type { PartitionBatch } from './record-source.ts'
import { fetchSchemas } from './fetch-schemas.ts'

export interface BatchRunner {
  /** Accepts a batch chunk by chunk as far as possible, and returns the next offset of its partition. */
  run(progress: PartitionProgress, batch: PartitionBatch): Promise<bigint>
}

export function createBatchRunner(of: {
  readonly reader: ChunkReader
  readonly acceptor: Acceptor
  readonly breaker: CrashLoopBreaker
  /** Aborts the retries of a chunk. */
  signalFor(progress: PartitionProgress): AbortSignal
  /** The progress row now holds `progress.storedOffset`. */
  onWritten(progress: PartitionProgress): void
  /** Nothing of the chunk was written, because the row holds another offset; null when it is gone. */
  onMoved(progress: PartitionProgress, row: bigint | null): void
  /** The partition moved by skipped records only; its row is to be written later. */
  onSkipped(): void
}): BatchRunner {
  const { reader, acceptor, breaker: failures } = of
  const { group, topic, clock, observe, tracer } = acceptor
  /** Attempts to get the schemas of a partition since the registry is away. */
  const awayFor = new WeakMap<PartitionProgress, number>()

  async function run(progress: PartitionProgress, batch: PartitionBatch): Promise<bigint> {
    const { partition, exemptBelow } = progress
    const { highWatermark, nextOffset } = batch
    observe({ is: 'fetched', group, partition, records: batch.records.length, highWatermark, nextOffset })
    const schemas = await schemasOf(progress, batch)
    await progress.busy?.catch(() => undefined)
    if (progress.needsSeek) {
      progress.needsSeek = false
      return progress.nextOffset
    }
    // Records fetched before the crash-loop breaker opened stay unread, and so do those whose schemas are not there yet.
    if (failures.reason !== null || schemas === null) return progress.nextOffset
    const records = batch.records.filter((record) => record.offset >= progress.nextOffset)
    let now = tracer && spanClock(clock)
    let readSince = now?.() ?? 0
    for (const chunk of readChunks(reader, { partition, records, end: nextOffset, exemptBelow, breaker: failures, schemas })) {
      if (of.signalFor(progress).aborted) break
      if (chunk.events.length + chunk.faulty.length === 0) skip(progress, chunk)
      else {
        const traced = tracer && now && traceChunk(tracer, now, chunk, { group, topic, partition, readSince })
        if (await accept(progress, traced?.chunk ?? chunk, traced)) break
      }
      now = tracer && spanClock(clock)
      readSince = now?.() ?? 0
    }
    return progress.nextOffset
  }

  /**
   * Undefined where no registry is configured, so that no event costs anything. Null while the registry is away: the records are fetched again,
   * because Kafka's client fetches nothing of a broker while a batch of it is handled, and other partitions would wait for this one.
   */
  async function schemasOf(progress: PartitionProgress, batch: PartitionBatch): Promise<WriterSchemas | null | undefined> {
    if (reader.schemas === undefined) return undefined
    const { partition } = progress
    const waiting = { group, partition, clock, observe, signal: of.signalFor(progress) }
    const attempt = (awayFor.get(progress) ?? 0) + 1
    const schemas = await fetchSchemas(batch.records, attempt, { source: reader.schemas, filter: reader.filter, ...waiting })
    if (schemas === null) awayFor.set(progress, attempt)
    else awayFor.delete(progress)
    return schemas
  }

  /** The group handles no record of the chunk: `nextOffset` moves now, the row later. */
  function skip(progress: PartitionProgress, chunk: ReadChunk): void {
    progress.nextOffset = chunk.next
    progress.last = chunk.last ?? progress.last
    if (chunk.skipped.size > 0) {
      const counts = countsOf(chunk, null)
      observe({ is: 'accepted', group, partition: progress.partition, next: chunk.next, counts, intents: 0, durationMs: 0 })
    }
    of.onSkipped()
  }

  /** Returns true when the partition does not continue at the end of the chunk. */
  async function accept(progress: PartitionProgress, chunk: ReadChunk, traced: TracedChunk | undefined): Promise<boolean> {
    await progress.busy?.catch(() => undefined)
    const startedAt = clock.monotonic()
    const { partition, storedOffset, recoverBelow } = progress
    const work = acceptChunk(acceptor, { partition, expected: storedOffset, recoverBelow, signal: of.signalFor(progress) }, chunk)
    progress.busy = work
    let result: ChunkResult
    try {
      result = await work
    } finally {
      progress.busy = null
    }
    switch (result.is) {
      case 'ended':
        return true
      case 'moved':
        of.onMoved(progress, result.row)
        return true
      case 'accepted': {
        const next = result.upTo ?? chunk.next
        progress.storedOffset = next
        progress.nextOffset = next
        of.onWritten(progress)
        traced?.accepted(result.outcomes, next)
        const counts = countsOf(upTo(chunk, next), result)
        observe({ is: 'accepted', group, partition, next, counts, intents: result.intents, durationMs: clock.monotonic() - startedAt })
        const again = [...result.outcomes].filter(
          ([offset, outcome]) => offset < recoverBelow && !(outcome === 'repeated' || outcome === 'dead-letter'),
        ).length
        if (again > 0) observe({ is: 'recovered', group, partition, events: again, next, below: recoverBelow })
        return result.upTo !== undefined
      }
    }
  }

  return { run }
}

/** The part of a chunk below an offset. */
function upTo(chunk: ReadChunk, next: bigint): ReadChunk {
  if (next === chunk.next) return chunk
  const below = ({ record }: { record: { offset: bigint } }) => record.offset < next
  return { ...chunk, events: chunk.events.filter(below), faulty: chunk.faulty.filter(below), skipped: new Map() }
}

/** Outcomes of the events of a chunk, by type. `result` is null for a chunk of skipped records. */
export function countsOf(chunk: ReadChunk, result: Accepted | null): ReadonlyMap<string, TypeCounts> {
  const counts = new Map<string, TypeCounts>()
  const of = (type: string) => {
    const count = counts.get(type) ?? { ok: 0, noEffect: 0, duplicate: 0, skipped: 0, dead: 0 }
    counts.set(type, count)
    return count
  }
  for (const [type, skipped] of chunk.skipped) of(type).skipped += skipped
  for (const faulty of chunk.faulty) of(faulty.type ?? 'undecodable').dead += 1
  for (const { accepted } of chunk.events) {
    switch (result?.outcomes.get(accepted.offset)) {
      case 'accepted':
        of(accepted.type).ok += 1
        break
      case 'no-effect':
        of(accepted.type).noEffect += 1
        break
      case 'dead-letter':
        of(accepted.type).dead += 1
        break
      case 'duplicate':
      case 'repeated':
      case undefined:
        of(accepted.type).duplicate += 1
    }
  }
  return counts
}
