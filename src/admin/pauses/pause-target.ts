import type { PauseScope, PauseTarget } from '../../model/pause.ts'
import { OperatorError } from '../../std/failure.ts'
import { nearest } from '../../std/nearest.ts'
import { uuidOf } from '../intents/intent-filter.ts'
import type { OperatorGroup } from '../operator-group.ts'

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
    const { id } = groupOf(target, names.groups)
    return { scope, group: id, target: scope === 'group' ? id : partitionOf(partition ?? '') }
  }
  return { scope, group: group === undefined ? null : groupOf(group, names.groups).id, target: nameOf(scope, target, names) }
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

function groupOf(typed: string, groups: readonly OperatorGroup[]): OperatorGroup {
  const found = groups.find(({ id }) => id === typed) ?? groups.find(({ name }) => name === typed)
  return found ?? refuse('group', typed, [...new Set(groups.flatMap(({ id, name }) => [name, id]))])
}

function partitionOf(typed: string): string {
  if (/^\d{1,9}$/.test(typed)) return String(Number(typed))
  throw new OperatorError(`"${typed}" is not the number of a partition.`)
}

function oneOf<Known extends string>(what: string, typed: string, known: readonly Known[]): Known {
  return known.find((name) => name === typed) ?? refuse(what, typed, known)
}

function refuse(what: string, typed: string, known: readonly string[]): never {
  const like = nearest(typed, known)
  const advice = like === null ? `give one of ${known.join(', ')}` : `did you mean ${like}`
  throw new OperatorError(`There is no ${what} "${typed}": ${advice}${like === null ? '.' : '?'}`)
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
