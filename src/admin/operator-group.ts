import { OperatorError } from '../std/failure.ts'
import type { Consumer } from '../model/consumer.ts'

/** A registered consumer group as an operator speaks of it. */
export interface OperatorGroup {
  /** As the code registers it. */
  readonly name: string
  /** As Kafka and the database know it: with the prefix. */
  readonly id: string
  readonly topic: string
}

/** These consumers as groups of this installation: those that run by default, and those that `KAFKA_GROUPS` names beside them. */
export function operatorGroups(
  consumers: readonly Pick<Consumer, 'name' | 'topic'>[],
  kafka: { readonly topic: string; readonly groupPrefix: string },
): readonly OperatorGroup[] {
  return consumers.map(({ name, topic }) => ({ name, id: kafka.groupPrefix + name, topic: topic ?? kafka.topic }))
}

/**
 * The group that the operator names, with its prefix or without.
 *
 * @throws {OperatorError} when there is none of that name; it lists those there are.
 */
export function findGroup(groups: readonly OperatorGroup[], wanted: string): OperatorGroup {
  const found = groups.find(({ id }) => id === wanted) ?? groups.find(({ name }) => name === wanted)
  if (found === undefined) throw new OperatorError(`There is no group "${wanted}": give one of ${groups.map(({ id }) => id).join(', ')}.`)
  return found
}
