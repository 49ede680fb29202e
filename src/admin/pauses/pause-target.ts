import type { PauseScope, PauseTarget } from '../../model/pause.ts'
import { OperatorError } from '../../std/failure.ts'
import { uuidOf } from '../intents/intent-filter.ts'
import { findGroup, type OperatorGroup } from '../operator-group.ts'
import { knownWord } from '../unknown-word.ts'

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
  /** By the name of the group. */
  readonly work: ReadonlyMap<string, GroupWork>
  readonly types: readonly string[]
}

/** What a group has that a pause may name. */
export interface GroupWork {
  /** Those of its intents; none where it has no intents. */
  readonly channels: readonly string[]
  /** The event types that it reads. */
  readonly types: readonly string[]
}

/**
 * What is to be paused: as {@link pauseTarget}, and something that the group can have. A pause that is on record is resumed without this question.
 *
 * @throws {OperatorError} naming the word, or what the group has instead of such a channel or type.
 */
export function targetToPause(typed: TypedTarget, names: PauseNames): PauseTarget {
  const found = pauseTarget(typed, names)
  const group = names.groups.find(({ id }) => id === found.group)
  if (group === undefined || found.scope === 'group' || found.scope === 'partition') return found
  const { channels, types } = names.work.get(group.name) ?? NO_WORK
  if (found.scope === 'channel') requireOneOf(channels, found.target, `Group ${group.id} has no channel ${found.target}`)
  if (channels.length === 0) {
    throw new OperatorError(`Group ${group.id} has no intents that this pause could hold: pause the group, which stops its reading.`)
  }
  if (found.scope === 'type') requireOneOf(types, found.target, `Group ${group.id} does not read ${found.target}`)
  return found
}

const NO_WORK: GroupWork = { channels: [], types: [] }

function requireOneOf(known: readonly string[], word: string, fault: string): void {
  if (known.includes(word)) return
  const way = known.length === 0 ? 'it has none' : `give ${known.length === 1 ? known[0] : `one of ${known.join(', ')}`}`
  throw new OperatorError(`${fault}: ${way}.`)
}

/**
 * What is to be resumed. Whether a campaign, an endpoint or a partition exists is not looked up here.
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

function nameOf(scope: Exclude<PauseScope, 'group' | 'partition'>, target: string, { work, types }: PauseNames): string {
  switch (scope) {
    case 'channel':
      return knownWord('channel', target, [...new Set([...work.values()].flatMap(({ channels }) => channels))])
    case 'type':
      return knownWord('event type', target, types)
    case 'campaign':
    case 'destination':
      return uuidOf(scope, target)
  }
}

function partitionOf(typed: string): string {
  if (/^\d{1,9}$/.test(typed)) return String(Number(typed))
  throw new OperatorError(`"${typed}" is not the number of a partition: give one such as 3, as "offsets show" lists them.`)
}
