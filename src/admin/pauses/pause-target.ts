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
      return knownWord('channel', target, channels)
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
