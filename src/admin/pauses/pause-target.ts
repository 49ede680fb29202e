import type { PauseScope, PauseTarget } from '../../model/pause.ts'
import { OperatorError } from '../../std/failure.ts'
import { uuidOf } from '../intents/intent-filter.ts'
import { findGroup, type OperatorGroup } from '../operator-group.ts'
import { unknownWord } from '../unknown-word.ts'

/** As an operator types it. */
export interface TypedTarget {
  readonly scope: PauseScope
  readonly target: string
  /** The number of the scope `partition`, whose target is its group. */
  readonly partition?: string | undefined
  /** The option `--group`, of the scopes that may be paused in all groups. */
  readonly group?: string | undefined
}

/** The names that there are. */
export interface PauseNames {
  readonly groups: readonly OperatorGroup[]
  readonly channels: readonly string[]
  readonly types: readonly string[]
}

/**
 * What is to be paused or resumed. Whether a campaign, an endpoint or a partition exists is not looked up here.
 *
 * @throws {OperatorError} naming the word that nothing has, with the nearest that something has.
 */
export function pauseTarget({ scope, target, partition, group }: TypedTarget, names: PauseNames): PauseTarget {
  if (scope === 'group' || scope === 'partition') {
    const { id } = findGroup(names.groups, target)
    return { scope, group: id, target: scope === 'group' ? id : partitionOf(partition ?? '') }
  }
  return { scope, group: group === undefined ? null : findGroup(names.groups, group).id, target: nameOf(scope, target, names) }
}

function nameOf(scope: Exclude<PauseScope, 'group' | 'partition'>, target: string, { channels, types }: PauseNames): string {
  switch (scope) {
    case 'channel':
      return oneOf('channel', target, channels)
    case 'type':
      return oneOf('event type', target, types)
    case 'campaign':
    case 'destination':
      return uuidOf(scope, target)
  }
}

function partitionOf(typed: string): string {
  if (/^\d{1,9}$/.test(typed)) return String(Number(typed))
  throw new OperatorError(`"${typed}" is not the number of a partition.`)
}

function oneOf<Known extends string>(what: string, typed: string, known: readonly Known[]): Known {
  const found = known.find((name) => name === typed)
  if (found === undefined) throw unknownWord(what, typed, known)
  return found
}

/**
 * Owner and reason are shown in logs, health and `/status`.
 *
 * @throws {OperatorError} a text is empty, longer than 200 characters or several lines, or holds an address.
 */
export function requireShowable(option: '--owner' | '--reason', text: string): string {
  const shown = text.trim()
  if (shown.includes('@')) throw new OperatorError(`${option} is shown in logs and /status: give no address, but a name or a team.`)
  if (shown !== '' && shown.length <= 200 && !/\p{Cc}/u.test(shown)) return shown
  throw new OperatorError(`${option} must be one line of 1 to 200 characters.`)
}
