import { eventTypes } from '../events/catalogue/catalogue.ts'
import type { AnyEvent } from '../events/event.ts'
import { isProjecting, type Consumer } from '../model/consumer.ts'
import type { ReplayFilter } from '../model/replay.ts'
import type { Clock } from '../std/clock.ts'
import type { Acceptor } from './accept-chunk.ts'
import type { AcceptStore, PassedRecord } from './accept-store.ts'
import { createBatchRunner } from './batch-runner.ts'
import { continueAt, startProgress, writeSkippedProgress, type PartitionProgress } from './partition-progress.ts'
import type { ChunkReader } from './read-chunks.ts'
import type { PartitionBatch } from './record-source.ts'
import { replayReader, type ReplayRange } from './replay-job.ts'
import { createTypeFilter } from './type-filter.ts'

/** Where a replay writes: `accept` moves the job's cursor in place of the progress row, and so does `advance`. */
export type ReplayStore = Pick<AcceptStore, 'accept' | 'advance' | 'readProgress'>

/** A range of a topic that is read without joining the group whose records they are. */
export interface RangeRequest {
  /** The name that the brokers see begins with it. */
  readonly group: string
  readonly topic: string
  /** By partition, the first offset and the end, which is not read any more. */
  readonly ranges: ReadonlyMap<number, { readonly from: bigint; readonly to: bigint }>
  readonly maxEventBytes: number
}

/**
 * Reads a range and commits nothing. `onBatch` returns where its partition continues, as of a group. Resolves when all ranges are read,
 * or `signal` aborts.
 */
export type RangeReader = (request: RangeRequest, onBatch: (batch: PartitionBatch) => Promise<bigint>, signal: AbortSignal) => Promise<void>

export interface ReplayReading {
  readonly group: string
  readonly topic: string
  readonly consumer: Consumer
  readonly filter: ReplayFilter
  readonly ranges: readonly ReplayRange[]
  readonly allowOlder: boolean
  /** By partition: older records are taken below this offset, in place of what `allowOlder` says. */
  readonly exemptBelow?: ReadonlyMap<number, bigint>
  readonly reader: Omit<ChunkReader, 'consumer' | 'filter' | 'selects'>
  readonly store: ReplayStore
  /** Awaited before so many events are accepted. */
  readonly pace: (events: number) => Promise<void>
  readonly read: RangeReader
  readonly clock: Clock
}

/**
 * Decodes, decides and accepts the selected events of a range, on the path of the live group ({@link createBatchRunner}) with a cursor of its
 * own. Partitions take turns, so that a replay holds one transaction at a time. A record that fails is counted by its reason and published
 * nowhere.
 *
 * @returns `lost`: the store refused to go on, because the job was paused or cancelled or belongs to another process
 */
export async function readReplay(reading: ReplayReading, signal: AbortSignal): Promise<'read' | 'lost' | 'ended'> {
  const { group, topic, ranges, store, clock } = reading
  const stop = new AbortController()
  const over = AbortSignal.any([signal, stop.signal])
  const open = ranges.filter(({ next, to }) => next < to)
  const assignment = { epoch: 0, topic, partitions: open.map(({ partition }) => partition), signal: over }
  const ends = new Map(open.map(({ partition, to }) => [partition, to]))
  const partitions = new Map(
    open.map(({ partition, next, to }) => [
      partition,
      startProgress(
        assignment,
        { partition, next, exemptBelow: reading.exemptBelow?.get(partition) ?? (reading.allowOlder ? to : 0n) },
        0n,
      ),
    ]),
  )
  const onMoved = (progress: PartitionProgress, row: bigint | null) => {
    if (row === null) return stop.abort()
    continueAt(progress, row)
    progress.needsSeek = false
  }
  const batches = createBatchRunner({
    reader: { ...reading.reader, consumer: replaying(reading.consumer), filter: typesOf(reading), selects: selecting(reading.filter) },
    acceptor: acceptorOf(reading),
    // Failures are counted and nothing is given up, so there is nothing to protect.
    breaker: { record: () => undefined, reason: null },
    signalFor: () => over,
    onWritten: () => undefined,
    onMoved,
    onSkipped: () => undefined,
  })
  let turn: Promise<unknown> = Promise.resolve()

  async function onBatch(batch: PartitionBatch): Promise<bigint> {
    const progress = partitions.get(batch.partition)
    const end = ends.get(batch.partition)
    if (progress === undefined || end === undefined || progress.nextOffset >= end) return batch.nextOffset
    const records = batch.records.filter(({ offset }) => offset < end)
    const nextOffset = batch.nextOffset < end ? batch.nextOffset : end
    const work = turn.then(async () => {
      if (over.aborted) return progress.nextOffset
      await batches.run(progress, { ...batch, records, nextOffset })
      await writeCursors([progress])
      // Not where the batch ended: a failover may have set the cursor back.
      return progress.nextOffset
    })
    turn = work.catch(() => undefined)
    const next = await work
    // Records beyond the end are not read again.
    return next >= end ? batch.nextOffset : next
  }

  /** The cursor of partitions that moved by skipped records only. */
  async function writeCursors(of: Iterable<PartitionProgress>): Promise<void> {
    const { conflicts } = await writeSkippedProgress(store, group, topic, of)
    for (const [progress, row] of conflicts) onMoved(progress, row)
  }

  const request = {
    group: replayReader(group),
    topic,
    ranges: new Map(open.map(({ partition, next, to }) => [partition, { from: next, to }])),
    maxEventBytes: reading.reader.maxEventBytes,
  }
  if (open.length > 0) await reading.read(request, onBatch, over)
  await turn
  if (stop.signal.aborted) return 'lost'
  if (signal.aborted) return 'ended'
  // A gap at the end of a range comes without a batch.
  for (const [partition, progress] of partitions) progress.nextOffset = ends.get(partition) ?? progress.nextOffset
  await writeCursors(partitions.values())
  return stop.signal.aborted ? 'lost' : 'read'

  function acceptorOf({ consumer, filter, pace }: ReplayReading): Acceptor {
    const isCounted = countsFor(filter)
    return {
      group,
      topic,
      store: {
        accept: async (chunk) => {
          await pace(chunk.events.length)
          return store.accept({ ...chunk, passed: chunk.passed.filter(isCounted) })
        },
      },
      deadLetters: { publish: () => Promise.resolve() },
      clock,
      // Facts of a group are about its live path; a replay has its own.
      observe: () => undefined,
      limit: (work) => work(),
      reserve: () => ({ reservation: null, release: () => undefined }),
      ...(isProjecting(consumer) ? { project: consumer.project } : {}),
    }
  }
}

/** The same group, whose intents are of the class `replay`. */
function replaying(consumer: Consumer): Consumer {
  if (isProjecting(consumer)) return consumer
  return { ...consumer, accept: (event) => consumer.accept(event).map((draft) => ({ ...draft, class: 'replay' as const })) }
}

function typesOf({ consumer, filter }: ReplayReading) {
  const all = createTypeFilter(consumer.types)
  if (filter.types.length === 0) return all
  return createTypeFilter(eventTypes.filter((type) => filter.types.includes(type) && all.handles(type)))
}

/** Whether an event is selected by what it holds; its type is judged before. */
export function selecting({ campaigns, users, events }: ReplayFilter): (event: AnyEvent) => boolean {
  const [wantedCampaigns, wantedUsers, wantedEvents] = [campaigns, users, events].map((ids) => new Set(ids.map((id) => id.toLowerCase())))
  return ({ id, campaign_id, data }) =>
    (campaigns.length === 0 || wantedCampaigns?.has(campaign_id.toLowerCase()) === true) &&
    (events.length === 0 || wantedEvents?.has(id.toLowerCase()) === true) &&
    (users.length === 0 || Object.values(data).some((value) => typeof value === 'string' && wantedUsers?.has(value) === true))
}

/** Whether a record that failed counts: one that cannot be decoded is not known to be about a person. */
function countsFor({ campaigns, users, events }: ReplayFilter): (record: PassedRecord) => boolean {
  return ({ eventId, campaignId, contentHash }) => {
    if (contentHash !== null) return true
    if (users.length > 0) return false
    return isOneOf(campaigns, campaignId) && isOneOf(events, eventId)
  }
}

function isOneOf(ids: readonly string[], id: string | null | undefined): boolean {
  return ids.length === 0 || ids.some((wanted) => wanted.toLowerCase() === id?.toLowerCase())
}
