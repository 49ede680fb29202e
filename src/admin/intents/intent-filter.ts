import type { IntentState } from '../../model/intent.ts'
import { OperatorError } from '../../std/failure.ts'
import type { IntentFilter } from './intent-admin.ts'
import { findGroup, type OperatorGroup } from '../operator-group.ts'

/** A filter as an operator types it; lists are separated by commas. */
export interface TypedFilter {
  readonly state?: string
  readonly reason?: string
  readonly group?: string
  readonly kind?: string
  readonly destination?: string
  readonly campaign?: string
  readonly user?: string
  readonly event?: string
}

export const intentStates: readonly IntentState[] = [
  'pending',
  'claimed',
  'handing_over',
  'ambiguous',
  'held',
  'sent',
  'delivered',
  'skipped',
  'dead',
  'rejected',
  'cancelled',
]

/** @throws {OperatorError} naming the option that is wrong. */
export function intentFilter(typed: TypedFilter, ids: readonly string[], groups: readonly OperatorGroup[]): IntentFilter {
  const wrong = ids.find((id) => !/^[1-9]\d{0,17}$/.test(id))
  if (wrong !== undefined) throw new OperatorError(`"${wrong}" is not the id of an intent: give numbers, as "intents list" shows them.`)
  return {
    ids: [...new Set(ids)],
    states: listOf(typed.state).map(stateOf),
    reasons: listOf(typed.reason),
    groups: listOf(typed.group).map((name) => findGroup(groups, name).id),
    kinds: listOf(typed.kind),
    destinations: listOf(typed.destination),
    campaignId: uuidOf('--campaign', typed.campaign),
    userId: uuidOf('--user', typed.user),
    eventId: uuidOf('--event', typed.event),
  }
}

/** @throws {OperatorError} when nothing is named at all: "all there are" is never meant. */
export function requireSelection({ ids, states, reasons, groups, kinds, destinations, campaignId, userId, eventId }: IntentFilter): void {
  const lists = [ids, states, reasons, groups, kinds, destinations]
  if (lists.some((list) => list.length > 0) || campaignId !== null || userId !== null || eventId !== null) return
  throw new OperatorError('Select the intents: give their ids, or a filter such as --state dead --reason no-endpoint.')
}

/**
 * An id in lower case, as the database prints it.
 *
 * @throws {OperatorError} when it is none.
 */
export function uuidOf(option: string, text: string): string
export function uuidOf(option: string, text: string | undefined): string | null
export function uuidOf(option: string, text: string | undefined): string | null {
  if (text === undefined) return null
  const id = text.trim().toLowerCase()
  if (/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(id)) return id
  throw new OperatorError(`${option} must be a UUID such as 7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11.`)
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function stateOf(text: string): IntentState {
  const state = intentStates.find((known) => known === text)
  if (state === undefined) throw new OperatorError(`There is no state "${text}": give one of ${intentStates.join(', ')}.`)
  return state
}
