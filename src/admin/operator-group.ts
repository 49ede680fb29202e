import { unknownWord } from './unknown-word.ts'
import type { Consumer } from '../model/consumer.ts'
import type { ProgressAdmin } from './offsets/progress-admin.ts'

/** A registered consumer group as an operator speaks of it. */
export interface OperatorGroup {
  /** As the code registers it. */
  readonly name: string
  /** As Kafka and the database know it: with the prefix. */
  readonly id: string
  readonly topic: string
  /** By this environment: it runs by default, or `KAFKA_GROUPS` names it. A daemon with another environment may run it all the same. */
  readonly enabled: boolean
}

/** These consumers as groups of this installation, whether this environment enables them or not. */
export function operatorGroups(
  consumers: readonly Pick<Consumer, 'name' | 'topic' | 'optIn'>[],
  kafka: { readonly topic: string; readonly groupPrefix: string; readonly groups: readonly string[] },
): readonly OperatorGroup[] {
  return consumers.map(({ name, topic, optIn }) => ({
    name,
    id: kafka.groupPrefix + name,
    topic: topic ?? kafka.topic,
    enabled: optIn !== true || kafka.groups.includes(name),
  }))
}

/** The groups that this environment enables, and the others that have progress in the database, because some daemon ran them. */
export async function groupsInUse(
  groups: readonly OperatorGroup[],
  progress: Pick<ProgressAdmin, 'readProgress'>,
): Promise<readonly OperatorGroup[]> {
  const found: OperatorGroup[] = []
  for (const group of groups) {
    if (group.enabled || (await progress.readProgress(group.id, group.topic)).length > 0) found.push(group)
  }
  return found
}

/**
 * The group that the operator names, with its prefix or without.
 *
 * @throws {OperatorError} when there is none of that name; it lists those there are.
 */
export function findGroup(groups: readonly OperatorGroup[], wanted: string): OperatorGroup {
  const found = groups.find(({ id }) => id === wanted) ?? groups.find(({ name }) => name === wanted)
  if (found === undefined) throw unknownWord('group', wanted, groupWords(groups), `give one of ${groups.map(({ id }) => id).join(', ')}`)
  return found
}

/** What a group may be named by. */
function groupWords(groups: readonly OperatorGroup[]): readonly string[] {
  return [...new Set(groups.flatMap(({ name, id }) => [name, id]))]
}
