import type { Rehearsed } from '../../model/replay.ts'
import { readReplay, type ReplayReading, type ReplayStore } from '../../ingest/replay-reading.ts'
import { OperatorError } from '../../std/failure.ts'
import type { Foresee } from './foresee.ts'
import { PlanTally, type ReplayPlan } from './replay-plan.ts'

/** A range of a group that is rehearsed. */
export interface RehearsedRange extends Pick<ReplayReading, 'group' | 'topic' | 'filter' | 'ranges' | 'allowOlder' | 'exemptBelow'> {
  /** Mails for one person and day. */
  readonly cap: number
  /** Whether intents that ended without effect are tried again, as a replay does and a second reading does not. */
  readonly revives: boolean
}

/**
 * Does a replay without doing it: reads the range, accepts and prepares, and rolls everything back, chunk by chunk.
 *
 * @param of.storeOf makes the store that rolls back
 * @throws {OperatorError} the topic cannot be read, or `signal` aborted before it was
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
  const ended = await readReplay({ ...of.reading, store, pace: () => Promise.resolve() }, of.signal)
  if (ended === 'ended') throw new OperatorError('the records were not read in time')
  return tally.plan()
}
