import type { EventTransport } from '../../src/events/event-transport.ts'
import type { Publisher } from '../../src/events/publisher.ts'
import type { TypedInput } from '../../src/events/publisher-input.ts'
import { encodeBadRecord } from './bad-record.ts'
import type { PlatformWriter } from './platform-writer.ts'
import type { Step } from './step.ts'

/** Writes steps as rows and records. */
export interface Simulator {
  /** In their order; resolves when all rows are committed and all records acknowledged, or early when `signal` aborts. */
  play(steps: Iterable<Step>, signal?: AbortSignal): Promise<void>
  /** Records that the broker has acknowledged. */
  readonly acknowledged: number
  /** The day on which the events of a step happened by their own time, `YYYY-MM-DD` in UTC; throws if the step was not played. */
  readonly dayOf: (step: Step) => string
  /** When the first record was sent; undefined before. */
  readonly firstSentAt: number | undefined
}

export interface SimulatorOptions {
  readonly writer: PlatformWriter
  readonly publisher: Pick<Publisher, 'publishMany'>
  readonly transport: EventTransport
  readonly topic: string
  readonly now?: () => number
  readonly onProgress?: (acknowledged: number) => void
}

/** Steps that share one transaction and one request to the broker. */
const CHUNK = 400

export function createSimulator({ writer, publisher, transport, topic, now = Date.now, onProgress }: SimulatorOptions): Simulator {
  let acknowledged = 0
  let firstSentAt: number | undefined
  let last = 0
  const days = new WeakMap<Step, string>()

  async function playChunk(steps: readonly Step[]): Promise<void> {
    // Later than all before it: a milestone is for those who had verified by then, and the two times decide.
    last = Math.max(now(), last + 1)
    const at = new Date(last)
    for (const step of steps) days.set(step, at.toISOString().slice(0, 10))
    const writes = (late: boolean) => steps.filter(({ timing }) => (timing === 'late') === late).flatMap((step) => step.writes)
    await writer.write(writes(false), at)
    firstSentAt ??= performance.now()
    await publish(steps, at)
    await writer.write(writes(true), at)
    onProgress?.(acknowledged)
  }

  async function publish(steps: readonly Step[], timestamp: Date): Promise<void> {
    const events: TypedInput[] = []
    const bad: ReturnType<typeof encodeBadRecord>[] = []
    for (const publication of steps.flatMap(({ publications }) => publications)) {
      if (publication.is === 'bad') bad.push(encodeBadRecord(publication.record, timestamp))
      else events.push({ ...publication.event, timestamp })
    }
    await publisher.publishMany(events)
    if (bad.length > 0) await transport.send(topic, bad)
    acknowledged += events.length + bad.length
  }

  return {
    play: async (steps, signal) => {
      for (const chunk of chunksOf(steps)) {
        if (signal?.aborted) return
        await playChunk(chunk)
      }
    },
    dayOf: (step) => {
      const day = days.get(step)
      if (day === undefined) throw new Error('The step was not played.')
      return day
    },
    get acknowledged() {
      return acknowledged
    },
    get firstSentAt() {
      return firstSentAt
    },
  }
}

/** A late step ends its chunk: later steps may refer to its rows. A step with the timing `alone` has a chunk of its own. */
function* chunksOf(steps: Iterable<Step>): Generator<readonly Step[]> {
  let chunk: Step[] = []
  for (const step of steps) {
    if (step.timing === 'alone' && chunk.length > 0) {
      yield chunk
      chunk = []
    }
    chunk.push(step)
    if (step.timing === 'usual' && chunk.length < CHUNK) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
