import { messageOf } from '../../std/failure.ts'
import type { Foresee } from '../replay/foresee.ts'
import type { RehearsedRange } from '../replay/rehearse-replay.ts'
import type { ReplayPlan } from '../replay/replay-plan.ts'
import type { ResetPlan } from './reset-plan.ts'
import { effectSentences, rangesAgain, rangesUnread } from './reset-preview.ts'

/** As long as a reset waits for its preview; milliseconds. */
const PREVIEW_MS = 30_000

/** Kinds, people and subjects behind the records that a reset has read again, or leaves out. */
export interface ResetEffects {
  readonly of: 'again' | 'unread'
  /** Records that were read for this, and those that the reset concerns. */
  readonly shown: bigint
  readonly all: bigint
  readonly sentences: readonly string[]
  /** Null: they could not be previewed, because of `error`. */
  readonly plan: ReplayPlan | null
  readonly error: string | null
}

/** What a preview needs of the log and the database. */
export interface ResetRehearsal {
  readonly foresee: Foresee
  /** Rejects when the range cannot be read, and when `signal` aborts before it was read. */
  readonly rehearse: (range: RehearsedRange, foresee: Foresee, signal: AbortSignal) => Promise<ReplayPlan>
}

/**
 * What a reset brings about and leaves out. Resolves without a plan where that cannot be said, or not within half a minute: a reset may be
 * needed exactly then.
 */
export async function effectsOfReset(
  plan: ResetPlan,
  { foresee, rehearse }: ResetRehearsal,
  signal: AbortSignal = AbortSignal.timeout(PREVIEW_MS),
): Promise<readonly ResetEffects[]> {
  // A group reads with its own eyes: nothing is of the class of a replay, capped or revived.
  const live: Foresee = (intents) => foresee(intents.map((intent) => ({ ...intent, class: 'live' as const })))
  const effects: ResetEffects[] = []
  for (const { of, part } of [
    { of: 'again' as const, part: rangesAgain(plan) },
    { of: 'unread' as const, part: rangesUnread(plan) },
  ]) {
    const { ranges, exemptBelow, shown, all } = part
    if (ranges.length === 0) continue
    const { group, topic } = plan
    const range = { group, topic, ranges, exemptBelow, filter: everything, allowOlder: false, cap: Infinity, revives: false }
    try {
      const found = await rehearse(range, live, signal)
      effects.push({ of, shown, all, sentences: effectSentences(of, part, found), plan: found, error: null })
    } catch (caught) {
      const error = signal.aborted ? `reading them took longer than ${PREVIEW_MS / 1_000} s` : messageOf(caught)
      const sentences = [`The effects of ${of === 'again' ? 'records that are read again' : 'records that are skipped'} could not be previewed: ${error}. A reset does not need them and goes on.`] // prettier-ignore
      effects.push({ of, shown: 0n, all, sentences, plan: null, error })
    }
  }
  return effects
}

const everything = { types: [], campaigns: [], users: [], events: [] } as const
