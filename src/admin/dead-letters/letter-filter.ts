import { eventTypes } from '../../events/catalogue/catalogue.ts'
import { deadLetterReasons } from '../../model/dead-letter-reason.ts'
import { OperatorError } from '../../std/failure.ts'
import { uuidOf } from '../intents/intent-filter.ts'
import { findGroup, type OperatorGroup } from '../operator-group.ts'
import { parseTime } from '../time-option.ts'
import { knownWord } from '../unknown-word.ts'
import { letterStates, type DeadLetterFilter, type LetterState } from './dead-letter-admin.ts'
import { parseLetter } from './letter-handle.ts'

/** A filter as an operator types it. */
export interface TypedLetterFilter {
  readonly group?: string
  readonly reason?: string
  readonly type?: string
  readonly event?: string
  readonly fingerprint?: string
  readonly since?: string
  readonly until?: string
  readonly state?: string
}

/**
 * The filter that is meant; letters that are named by themselves may have any state unless one is given.
 *
 * @param types that dead letters have, besides those of the catalogue: a publisher may have made them up
 *   `now` in milliseconds since 1970
 * @throws {OperatorError} naming the option that is wrong, and the nearest word that there is: an empty list would look as if no record had
 *   been given up
 */
export function letterFilter(
  typed: TypedLetterFilter,
  letters: readonly string[],
  known: { readonly groups: readonly OperatorGroup[]; readonly types: readonly string[]; readonly now: number },
): DeadLetterFilter {
  const types = [...new Set([...eventTypes, ...known.types])]
  return {
    letters: letters.map((letter) => parseLetter(letter, known.groups)),
    group: typed.group === undefined ? null : findGroup(known.groups, typed.group).id,
    reason: typed.reason === undefined ? null : knownWord('reason', typed.reason, deadLetterReasons),
    type: typed.type === undefined ? null : knownWord('type', typed.type, types),
    eventId: uuidOf('--event', typed.event),
    fingerprint: typed.fingerprint === undefined ? null : fingerprintIn(typed.fingerprint),
    since: typed.since === undefined ? null : parseTime('--since', typed.since, known.now),
    until: typed.until === undefined ? null : parseTime('--until', typed.until, known.now),
    states: statesIn(typed.state, letters.length > 0),
  }
}

/** @throws {OperatorError} nothing is named at all: "all there are" is never meant */
export function requireLetterSelection({ letters, group, reason, type, eventId, fingerprint, since, until }: DeadLetterFilter): void {
  if (letters.length > 0 || [group, reason, type, eventId, fingerprint, since, until].some((part) => part !== null)) return
  throw new OperatorError('Select the dead letters: give GROUP/PARTITION/OFFSET, or a filter such as --fingerprint 0123456789ab.')
}

/** @throws {OperatorError} it is none */
export function fingerprintIn(text: string): string {
  const fingerprint = text.trim().toLowerCase()
  if (/^[0-9a-f]{12}$/.test(fingerprint)) return fingerprint
  throw new OperatorError(`"${text}" is no fingerprint: give twelve hexadecimal digits, as "dlq groups" shows them.`)
}

function statesIn(text: string | undefined, areNamed: boolean): readonly LetterState[] {
  if (text === undefined && areNamed) return letterStates
  const state = knownWord('state', text ?? 'open', [...letterStates, 'all' as const])
  return state === 'all' ? letterStates : [state]
}
