import { deadLetterTopic } from '../../ingest/dead-letter.ts'
import type { LogAdmin } from '../../ingest/log-admin.ts'
import type { Clock } from '../../std/clock.ts'
import { OperatorError } from '../../std/failure.ts'
import type { OperatorGroup } from '../operator-group.ts'
import type { TopicAdmin, TopicState } from './topic-admin.ts'
import { plannedTopics, planTopics, type TopicStep, type WantedTopics } from './topic-plan.ts'

/** The topics on the brokers beside those that are wanted. */
export interface TopicComparison {
  readonly steps: readonly TopicStep[]
  readonly wanted: WantedTopics
  readonly present: ReadonlyMap<string, TopicState>
}

/** What an operator wants of the topics: null where what there is, or the brokers' default, is right. */
export type TopicWishes = Omit<WantedTopics, 'groups'> & {
  readonly groups: readonly OperatorGroup[]
}

/**
 * Compares the topics on the brokers with those that are wanted. Dead-letter topics belong to the groups that this environment enables, and to
 * those that have one already, because a daemon with another environment may run them.
 */
export async function compareTopics(admin: TopicAdmin, wishes: TopicWishes): Promise<TopicComparison> {
  const present = await admin.topicStates(plannedTopics(wishes))
  const groups = wishes.groups.filter(({ enabled, id, topic }) => enabled || present.has(deadLetterTopic(topic, id)))
  const wanted = { ...wishes, groups }
  return { steps: planTopics(wanted, present), wanted, present }
}

/** The steps that change something. */
export function pendingSteps({ steps }: Pick<TopicComparison, 'steps'>): readonly TopicStep[] {
  return steps.filter(({ action }) => action !== 'keep')
}

/**
 * Makes the topics as a comparison wants them; resolves when the brokers show it.
 *
 * @throws {OperatorError} before anything is changed, when keys would move without permission.
 */
export async function applyTopics(
  compared: TopicComparison,
  { admin, allowPartitionChange, clock }: { admin: LogAdmin & TopicAdmin; allowPartitionChange: boolean; clock: Clock },
): Promise<void> {
  const pending = pendingSteps(compared)
  if (!allowPartitionChange) requireNoMove(pending)
  for (const step of pending) await apply(step, admin, compared.wanted.replicas)
  if (pending.length > 0) await untilInEffect(compared, admin, clock)
}

function requireNoMove(steps: readonly TopicStep[]): void {
  const moving = steps.filter(({ movesKeys }) => movesKeys)
  if (moving.length === 0) return
  throw new OperatorError(
    `Nothing was changed: ${moving.map(({ name, from, partitions }) => `${name} would go from ${from} to ${partitions} partitions`).join(', ')}, ` +
      `and keys would move to other partitions. Give --allow-partition-change once the workers have caught up, ` +
      `or set KAFKA_TOPIC_PARTITIONS to the partitions that there are.`,
  )
}

async function apply(
  { name, action, from, partitions, config }: TopicStep,
  admin: LogAdmin & TopicAdmin,
  replicas: number | null,
): Promise<void> {
  if (action === 'create') {
    await admin.createTopic({ name, partitions, config, ...(replicas === null ? {} : { replicationFactor: replicas }) })
    return
  }
  if (Object.keys(config).length > 0) await admin.alterTopic(name, config)
  if (partitions > from) await admin.growTopic(name, partitions)
}

/**
 * Brokers learn of a change a moment after the controller has confirmed it; what runs next is not to see the old state. Twice in a row, because
 * any broker may answer.
 */
async function untilInEffect({ steps, wanted }: TopicComparison, admin: TopicAdmin, clock: Clock): Promise<void> {
  const names = steps.map(({ name }) => name)
  const deadline = clock.monotonic() + IN_EFFECT_MS
  for (let clean = 0; clean < 2;) {
    const left = pendingSteps({ steps: planTopics(wanted, await admin.topicStates(names)) })
    clean = left.length === 0 ? clean + 1 : 0
    if (clean === 0 && clock.monotonic() >= deadline) {
      throw new OperatorError(
        `The changes were accepted, but the brokers do not show those of ${left.map(({ name }) => name).join(', ')} yet: ` +
          `check with npm run workerctl -- topics plan`,
      )
    }
    if (clean < 2) await clock.sleep(100)
  }
}

const IN_EFFECT_MS = 10_000
