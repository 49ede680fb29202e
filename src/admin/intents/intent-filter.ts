import type { IntentState } from '../../model/intent.ts'
import { OperatorError } from '../../std/failure.ts'
import { unknownWord } from '../unknown-word.ts'
import type { IntentFilter, IntentNames } from './intent-admin.ts'
import { findGroup, type OperatorGroup } from '../operator-group.ts'

/** A filter as an operator types it; lists are separated by commas. */
export interface TypedFilter {
  readonly state?: string
  readonly reason?: string
  readonly group?: string
  readonly kind?: string
  readonly destination?: string
  readonly campaign?: string
  readonly account?: string
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
    states: listOf('--state', typed.state).map(stateOf),
    reasons: listOf('--reason', typed.reason),
    groups: listOf('--group', typed.group).map((name) => findGroup(groups, name).id),
    kinds: listOf('--kind', typed.kind),
    destinations: listOf('--destination', typed.destination).map((id) => uuidOf('--destination', id)),
    campaignId: uuidOf('--campaign', typed.campaign),
    accountId: uuidOf('--account', typed.account),
    userId: uuidOf('--user', typed.user),
    eventId: uuidOf('--event', typed.event),
  }
}

/** @throws {OperatorError} when nothing is named at all: "all there are" is never meant. */
export function requireSelection({
  ids,
  states,
  reasons,
  groups,
  kinds,
  destinations,
  campaignId,
  accountId,
  userId,
  eventId,
}: IntentFilter): void {
  const lists = [ids, states, reasons, groups, kinds, destinations]
  if (lists.some((list) => list.length > 0) || [campaignId, accountId, userId, eventId].some((id) => id !== null)) return
  throw new OperatorError('Select the intents: give their ids, or a filter such as --state dead --reason no-endpoint.')
}

/**
 * Refuses reasons and kinds that neither this build knows nor any intent has: a mistyped one would look as if no intent matched. `inUse` reads
 * what the intents have, and is called only for a name that is not known: a consumer of one's own may give other reasons, and intents of
 * a kind that is gone may be left.
 *
 * @throws {OperatorError} naming what there is.
 */
export async function requireKnownNames(
  { reasons, kinds }: IntentFilter,
  known: IntentNames,
  inUse: () => Promise<IntentNames>,
): Promise<void> {
  const [newReasons, newKinds] = [
    reasons.filter((name) => !known.reasons.includes(name)),
    kinds.filter((name) => !known.kinds.includes(name)),
  ]
  if (newReasons.length + newKinds.length === 0) return
  const used = await inUse()
  const reason = newReasons.find((name) => !used.reasons.includes(name))
  if (reason !== undefined) {
    const now = used.reasons.length === 0 ? '' : `, such as these, which intents have now: ${used.reasons.join(', ')}`
    throw unknownWord('reason', reason, [...known.reasons, ...used.reasons], `give one of docs/reference/states.md${now}`)
  }
  const kind = newKinds.find((name) => !used.kinds.includes(name))
  if (kind === undefined) return
  throw unknownWord('kind', kind, [...new Set([...known.kinds, ...used.kinds])])
}

/**
 * An id in lower case, as the database prints it.
 *
 * @throws {OperatorError} when it is none.
 */
export function uuidOf(option: string, text: string, others?: string): string
export function uuidOf(option: string, text: string | undefined): string | null
export function uuidOf(option: string, text: string | undefined, others = ''): string | null {
  if (text === undefined) return null
  const id = text.trim().toLowerCase()
  if (/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(id)) return id
  throw new OperatorError(`${option} must be ${others}a UUID such as 7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11.`)
}

/** @throws {OperatorError} when the option is there and empty: it would select everything. */
function listOf(option: string, text: string | undefined): readonly string[] {
  if (text === undefined) return []
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length === 0) throw new OperatorError(`${option} is empty: give one or more values separated by commas, or leave it out.`)
  return parts
}

function stateOf(text: string): IntentState {
  const state = intentStates.find((known) => known === text)
  if (state === undefined) throw unknownWord('state', text, intentStates)
  return state
}
