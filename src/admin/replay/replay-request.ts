import { isEmptyPlan, type PlannedCounts } from './replay-plan.ts'
import { eventTypes } from '../../events/catalogue/catalogue.ts'
import type { ReplayFilter } from '../../model/replay.ts'
import { OperatorError } from '../../std/failure.ts'
import { uuidOf } from '../intents/intent-filter.ts'
import { findGroup, type OperatorGroup } from '../operator-group.ts'
import { knownWord } from '../unknown-word.ts'

/** The filter as an operator types it; lists are separated by commas. */
export interface TypedReplayFilter {
  readonly type?: string
  readonly campaign?: string
  readonly user?: string
  readonly event?: string
}

/** @throws {OperatorError} naming the option that is wrong. */
export function replayFilter(typed: TypedReplayFilter): ReplayFilter {
  const types = partsOf('--type', typed.type).map((type) => knownWord('event type', type, eventTypes))
  return {
    types,
    campaigns: idsOf('--campaign', typed.campaign),
    users: idsOf('--user', typed.user),
    events: idsOf('--event', typed.event),
  }
}

/** @throws {OperatorError} one of the groups does not exist. */
export function replayGroups(typed: string, groups: readonly OperatorGroup[]): readonly OperatorGroup[] {
  return [...new Set(partsOf('--group', typed).map((name) => findGroup(groups, name)))]
}

/** Why a replay whose plans are all empty is not started. */
export const NO_EFFECT = 'there is nothing to do, because the replay would have no effect'

/**
 * Refuses a replay without an effect, and a count that is not the plans': what the operator has seen is not what would happen.
 *
 * @throws {OperatorError} with the count of now.
 */
export function requireConfirmed(plans: readonly PlannedCounts[], confirmed: number): void {
  if (plans.every(isEmptyPlan)) throw new OperatorError(`Nothing was started: ${NO_EFFECT}.`)
  const effects = plans.reduce((sum, plan) => sum + plan.effects, 0)
  if (effects === confirmed) return
  throw new OperatorError(
    `The replay would have ${effects} effects now, not the ${confirmed} that you confirm: look at the plan again, and give --confirm ${effects} if that is what you want. Nothing was started.`,
  )
}

function idsOf(option: string, text: string | undefined): readonly string[] {
  return partsOf(option, text).map((id) => uuidOf(option, id).toLowerCase())
}

function partsOf(option: string, text: string | undefined): readonly string[] {
  if (text === undefined) return []
  const parts = text.split(',').map((part) => part.trim())
  const some = parts.filter((part) => part !== '')
  if (some.length === 0) throw new OperatorError(`${option} is empty: give one or more values separated by commas, or leave it out.`)
  return [...new Set(some)]
}
