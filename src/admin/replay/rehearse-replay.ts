import type { Rehearsed } from '../../model/replay.ts'
import { readReplay, type ReplayReading, type ReplayStore } from '../../ingest/replay-reading.ts'
import type { Foresee } from './foresee.ts'
import { PlanTally, type ReplayPlan } from './replay-plan.ts'

/**
 * Does a replay without doing it: reads the range, accepts and prepares, and rolls everything back, chunk by chunk.
 *
 * @param of.storeOf makes the store that rolls back
 * @throws {OperatorError} the topic cannot be read
 */
export async function rehearseReplay(of: {
  readonly reading: Omit<ReplayReading, 'store' | 'pace'>
  readonly cap: number
  /** The channels whose intents are mails. */
  readonly mailChannels: readonly string[]
  readonly storeOf: (options: {
    readonly cap: number
    readonly mailChannels: readonly string[]
    readonly onRehearsed: (chunk: Rehearsed) => Promise<void>
  }) => ReplayStore
  readonly foresee: Foresee
  readonly signal: AbortSignal
}): Promise<ReplayPlan> {
  const tally = new PlanTally((channel) => of.mailChannels.includes(channel))
  const store = of.storeOf({
    cap: of.cap,
    mailChannels: of.mailChannels,
    onRehearsed: async ({ counts, intents }) => tally.add(counts, await of.foresee(intents)),
  })
  await readReplay({ ...of.reading, store, pace: () => Promise.resolve() }, of.signal)
  return tally.plan()
}
