import { expect, it } from 'vitest'
import { createSkippedProgressWriter } from '../../../src/ingest/skipped-progress.ts'
import type { PartitionProgress } from '../../../src/ingest/partition-progress.ts'
import { MemoryAcceptStore } from '../../support/memory-accept-store.ts'

it('a flush waits for the write under way and writes what came after it, so that a stop commits to Kafka what the rows hold', async () => {
  const store = new MemoryAcceptStore()
  store.put(0, 0n)
  const progress: PartitionProgress = {
    assignment: { epoch: 1, topic: 'domain-events', partitions: [0], signal: new AbortController().signal },
    partition: 0,
    exemptBelow: 0n,
    recoverBelow: 0n,
    storedOffset: 0n,
    nextOffset: 250n,
    last: null,
    needsSeek: false,
    busy: null,
  }
  const committed: bigint[] = []
  const writer = createSkippedProgressWriter({
    store,
    group: 'test-workers',
    topic: 'domain-events',
    everyMs: 60_000,
    partitions: () => [progress],
    onWritten: ({ storedOffset }) => committed.push(storedOffset),
    onConflict: () => committed.push(-1n),
    onFailed: () => committed.push(-1n),
  })
  const open = Promise.withResolvers<void>()
  store.gate = open.promise
  void writer.flush()
  await Promise.resolve()
  expect(progress.busy).not.toBeNull()

  progress.nextOffset = 500n
  writer.stop()
  let flushed = false
  const last = writer.flush().then(() => (flushed = true))
  await new Promise(setImmediate)
  expect(flushed).toBe(false)
  open.resolve()
  await last
  expect(committed).toEqual([250n, 500n])
  expect(store.rows.get(0)?.next).toBe(500n)
})
