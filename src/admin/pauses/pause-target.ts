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
  /** By the name of the group, those of its intents; none where it has no intents. */
  readonly channels: ReadonlyMap<string, readonly string[]>
  readonly types: readonly string[]
}

/**
 * What is to be paused: as {@link pauseTarget}, and something that the group can have. A pause that is on record is resumed without this question.
 *
 * @throws {OperatorError} naming the word, or the channels of the group, which has no such channel.
 */
export function targetToPause(typed: TypedTarget, names: PauseNames): PauseTarget {
  const found = pauseTarget(typed, names)
  const group = names.groups.find(({ id }) => id === found.group)
  if (found.scope !== 'channel' || group === undefined) return found
  const channels = names.channels.get(group.name) ?? []
  if (channels.includes(found.target)) return found
  const way = channels.length === 0 ? 'it has none' : `give ${channels.length === 1 ? channels[0] : `one of ${channels.join(', ')}`}`
  throw new OperatorError(`Group ${group.id} has no channel ${found.target}: ${way}.`)
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

function nameOf(scope: Exclude<PauseScope, 'group' | 'partition'>, target: string, { channels, types }: PauseNames): string {
  switch (scope) {
    case 'channel':
      return knownWord('channel', target, [...new Set([...channels.values()].flat())])
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
