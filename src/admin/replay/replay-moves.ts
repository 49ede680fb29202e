import { OperatorError } from '../../std/failure.ts'
import type { ReplayAct, ReplayAdmin, ReplayState, UnclaimedIntent } from './replay-admin.ts'

/** What an operator can do to a replay that was ordered. */
export type ReplayMove = 'pause' | 'resume' | 'cancel'

const moves: Readonly<Record<ReplayMove, { readonly from: readonly ReplayState[]; readonly to: ReplayState; readonly action: string }>> = {
  pause: { from: ['queued', 'running'], to: 'paused', action: 'paused' },
  resume: { from: ['paused'], to: 'queued', action: 'resumed' },
  cancel: { from: ['queued', 'running', 'paused'], to: 'cancelled', action: 'cancelled' },
}

/** Intents that are cancelled in one transaction. */
const CANCELLED_AT_ONCE = 1_000
/** Intents that are looked for at once. */
const PAGE = 10_000

/**
 * Pauses, resumes or cancels a replay. A chunk that is being accepted ends first; afterwards nothing more is read or released. A cancellation
 * also cancels the intents that no worker has; repeated, it cancels those that it did not reach.
 *
 * @returns the state before, and how many intents were cancelled
 * @throws {OperatorError} there is no such replay, or it is in another state
 */
export async function moveReplay(
  admin: ReplayAdmin,
  id: string,
  move: ReplayMove,
  act: ReplayAct,
): Promise<{ readonly before: ReplayState; readonly cancelled: number }> {
  const { from, to, action } = moves[move]
  const before = await admin.move(id, from, to, action, act)
  if (before !== null) return { before, cancelled: move === 'cancel' ? await cancelAll(admin, id) : 0 }
  const found = await admin.find(id)
  // An earlier command may have been interrupted, and workers have given intents back since.
  const cancelled = move === 'cancel' && found?.state === 'cancelled' ? await cancelAll(admin, id) : 0
  if (found !== null && cancelled > 0) return { before: found.state, cancelled }
  throw new OperatorError(
    found === null
      ? `There is no replay ${id}: replay list shows which there are.`
      : `Replay ${id} is ${found.state}, and only one that is ${from.join(' or ')} can be ${action}. Nothing was changed.`,
  )
}

type Cancelling = Pick<ReplayAdmin, 'unclaimed' | 'cancelIntents'>

/** In rounds: an intent that is locked at its moment is passed over, and tried again as long as a round has cancelled any. */
async function cancelAll(admin: Cancelling, id: string): Promise<number> {
  let total = 0
  for (;;) {
    const { seen, cancelled } = await cancelRound(admin, id)
    total += cancelled
    if (cancelled === 0 || cancelled >= seen) return total
  }
}

/** In transactions of {@link CANCELLED_AT_ONCE}; each intent of the job is looked at once, however many it has. */
async function cancelRound(admin: Cancelling, id: string): Promise<{ readonly seen: number; readonly cancelled: number }> {
  let [seen, cancelled] = [0, 0]
  let last: UnclaimedIntent | null = null
  for (;;) {
    const page: readonly UnclaimedIntent[] = await admin.unclaimed(id, last, PAGE)
    const ids = page.map((intent) => intent.id)
    for (let at = 0; at < ids.length; at += CANCELLED_AT_ONCE) cancelled += await admin.cancelIntents(ids.slice(at, at + CANCELLED_AT_ONCE))
    seen += page.length
    last = page.at(-1) ?? null
    if (page.length < PAGE) return { seen, cancelled }
  }
}
