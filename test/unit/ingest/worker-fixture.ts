import { vi } from 'vitest'
import type { Consumer } from '../../../src/model/consumer.ts'
import type { Fact } from '../../../src/model/fact.ts'
import type { CommittedOffset, LogAdmin, PartitionRange } from '../../../src/ingest/log-admin.ts'
import { createTypeFilter } from '../../../src/ingest/type-filter.ts'
import { createGroupWorker, type GroupWorker, type WorkerSettings } from '../../../src/ingest/group-worker.ts'
import { createAcceptorFixture, type AcceptorFixture } from '../../support/acceptor.ts'
import { recordOfEvent } from '../../support/log-records.ts'
import { sampleEvent } from '../../support/sample-event.ts'
import type { LogRecord } from '../../../src/ingest/record-source.ts'
import type { SchemaSource } from '../../../src/ingest/schema-source.ts'
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts'
import { MemorySource } from '../../support/memory-source.ts'

const verifying: Consumer = {
  name: 'test-workers',
  types: ['user.verified'],
  accept: (event) => [{ kind: 'mail', version: 1, channel: 'email', key: `mail:${event.id}`, campaignId: event.campaign_id, data: {} }],
  kinds: [],
}

export interface WorkerFixture extends AcceptorFixture {
  readonly worker: GroupWorker
  readonly source: MemorySource
  readonly clock: ManualClock
  /** The facts of one kind, so far. */
  readonly factsOf: <Is extends Fact['is']>(is: Is) => Extract<Fact, { is: Is }>[]
}

/** A group on a log and a store in memory, both with partitions 0 and 1, empty unless `ranges` says otherwise. */
export function createWorkerFixture(
  change: Partial<Pick<WorkerSettings, 'pressure' | 'startFrom' | 'reportEveryMs' | 'crashLoopRule'>> & {
    readonly ranges?: Record<number, PartitionRange>
    readonly committed?: ReadonlyMap<number, CommittedOffset>
    readonly consumer?: Consumer
    readonly schemas?: SchemaSource
  } = {},
): WorkerFixture {
  const clock = createManualClock()
  const fixture = createAcceptorFixture(clock)
  fixture.store.rows.clear()
  const source = new MemorySource()
  const ranges = change.ranges ?? { 0: { low: 0n, high: 0n }, 1: { low: 0n, high: 0n } }
  const worker = createGroupWorker({
    reader: {
      consumer: change.consumer ?? verifying,
      filter: createTypeFilter(verifying.types),
      maxEventBytes: 100_000,
      chunkEvents: 2,
      chunkBytes: 100_000,
      dedupeHorizon: () => 0,
      schemas: change.schemas,
    },
    acceptor: { ...fixture.acceptor, store: fixture.store },
    source,
    admin: adminOf(new Map(Object.entries(ranges).map(([partition, range]) => [Number(partition), range])), change.committed ?? new Map()),
    pressure: change.pressure ?? (async () => null),
    startFrom: change.startFrom ?? null,
    reportEveryMs: change.reportEveryMs ?? 60_000,
    ...(change.crashLoopRule === undefined ? {} : { crashLoopRule: change.crashLoopRule }),
  })
  return {
    ...fixture,
    worker,
    source,
    clock,
    factsOf: (is) => fixture.facts.filter((fact): fact is Extract<Fact, { is: typeof is }> => fact.is === is),
  }
}

export const ours = (offset: number, n = offset): LogRecord => recordOfEvent(offset, sampleEvent('user.verified', n))
export const others = (offset: number): LogRecord => recordOfEvent(offset, sampleEvent('user.signed_up', offset))
export const soon = <Result>(look: () => Result) => vi.waitFor(look, { interval: 1, timeout: 30_000 })

const running: WorkerFixture[] = []

/** Stops the workers that a test has made. */
export async function stopWorkers(): Promise<void> {
  await Promise.all(running.splice(0).map(({ worker }) => worker.stop()))
}

/** A worker that `stopWorkers` stops. */
export function fixtureOf(...change: Parameters<typeof createWorkerFixture>): WorkerFixture {
  const fixture = createWorkerFixture(...change)
  running.push(fixture)
  return fixture
}

/** A log that holds records, for positions that are read more than once. */
export const filled = { ranges: { 0: { low: 0n, high: 9n }, 1: { low: 0n, high: 9n } }, startFrom: 'earliest' } as const

/** The same, started and with both partitions assigned. */
export async function runningFixture(...change: Parameters<typeof createWorkerFixture>): Promise<WorkerFixture> {
  const fixture = fixtureOf(...change)
  await fixture.worker.start()
  await fixture.source.join(0, 1)
  return fixture
}

const unused = () => Promise.reject(new Error('not what a worker asks'))

function adminOf(ranges: ReadonlyMap<number, PartitionRange>, committed: ReadonlyMap<number, CommittedOffset>): LogAdmin {
  return {
    connect: unused,
    topics: unused,
    createTopic: unused,
    growTopic: unused,
    topicConfig: unused,
    setCommitted: unused,
    groupState: unused,
    disconnect: unused,
    ranges: async () => ranges,
    topicId: async () => null,
    epochEnds: async () => new Map(),
    offsetsAt: async () => new Map([...ranges.keys()].map((partition) => [partition, 3n])),
    committed: unused,
    committedWithOwner: async () => committed,
  }
}
