import { inDays, keptFor, settingFaults } from '../../catalogue/event-topics.ts'
import type { TopicComparison } from './apply-topics.ts'
import type { TopicState } from './topic-admin.ts'
import { keptMsOf, type TopicStep, type WantedTopics } from './topic-plan.ts'

/** Something about the topics that costs records, order or availability, with the way out. */
export interface TopicFinding {
  /** Null: it concerns a broker. */
  readonly topic: string | null
  readonly is:
    | 'missing'
    | 'partitions'
    | 'retention'
    | 'size-limit'
    | 'compaction'
    | 'replicas'
    | 'fewer-replicas-than-min-insync'
    | 'below-min-insync'
    | 'unclean-leader-election'
    | 'automatic-creation'
  readonly sentence: string
}

const APPLY = 'npm run workerctl -- topics apply'

/**
 * How the topics of a plan differ from what is wanted, and what about them, or about the brokers, is dangerous as it is. A topic that does not
 * exist has one finding only.
 */
export function topicFindings(
  { steps, wanted, present }: TopicComparison,
  topicCreatingBrokers: readonly number[],
): readonly TopicFinding[] {
  return [
    ...steps.flatMap((step) => {
      const state = present.get(step.name)
      if (state === undefined) return [finding(step, 'missing', `${step.name} does not exist. Create it: ${APPLY}`)]
      return [...partitionDrift(step, wanted), ...settingDrift(step, wanted, state), ...dangers(step, wanted, state)]
    }),
    ...topicCreatingBrokers.map((broker): TopicFinding => {
      const sentence = `Broker ${broker} creates topics by itself (auto.create.topics.enable), so that a misspelt name becomes a topic with default settings. Set it to false in server.properties and restart the broker.`
      return { topic: null, is: 'automatic-creation', sentence }
    }),
  ]
}

function partitionDrift(step: TopicStep, { partitions: requested }: WantedTopics): readonly TopicFinding[] {
  const { name, of, from, partitions, movesKeys } = step
  if (partitions > from) {
    const way = movesKeys ? `${APPLY} --allow-partition-change` : APPLY
    return [finding(step, 'partitions', `${name} has ${from} partitions, and ${partitions} are wanted. Add them: ${way}`)]
  }
  if (of === 'dead-letters' || requested === null || from <= requested) return []
  return [
    finding(
      step,
      'partitions',
      `${name} has ${from} partitions, and ${requested} are wanted. Partitions cannot be removed: set KAFKA_TOPIC_PARTITIONS to ${from}.`,
    ),
  ]
}

function settingDrift(step: TopicStep, { catalogue }: WantedTopics, { config }: TopicState): readonly TopicFinding[] {
  const keptMs = keptMsOf(step, catalogue)
  if (keptMs === null) return []
  const { name, of } = step
  const now = keptFor(config)
  const faults = settingFaults(keptMs, config).map((fault) => {
    if (fault.setting === 'cleanup.policy') {
      const sentence = `${name} is compacted (cleanup.policy is ${fault.now}), which keeps only the last record of each key. Change it: ${APPLY}`
      return finding(step, 'compaction', sentence)
    }
    if (fault.setting === 'retention.bytes') {
      const sentence = `${name} deletes records once a partition is larger than ${fault.now} bytes (retention.bytes), however young they are. Remove the limit: ${APPLY}`
      return finding(step, 'size-limit', sentence)
    }
    return finding(step, 'retention', `${name} keeps records for ${inDays(now)}, and ${inDays(keptMs)} is wanted. Raise it: ${APPLY}`)
  })
  // A compacted topic has no retention that could be shortened.
  const isLonger = keptMs >= 0 && (now < 0 || now > keptMs) && !faults.some(({ is }) => is === 'compaction')
  if (of === 'dead-letters' || !isLonger) return faults
  const sentence =
    `${name} keeps records ${now < 0 ? inDays(now) : `for ${inDays(now)}`}, and its events are of a class that is kept for ${inDays(keptMs)}. ` +
    `Shortening deletes records, so apply leaves it: set retention.ms to ${keptMs} by kafka-configs.sh, or correct the class in the catalogue.`
  return [...faults, finding(step, 'retention', sentence)]
}

function dangers(step: TopicStep, { replicas: requested }: WantedTopics, state: TopicState): readonly TopicFinding[] {
  const { name } = step
  const found: TopicFinding[] = []
  const least = Number(state.config.get('min.insync.replicas') ?? 1)
  const other = state.partitions.filter(({ replicas }) => requested !== null && replicas !== requested)
  if (other.length > 0) {
    const sentence = `${name} does not have the ${requested} ${requested === 1 ? 'replica' : 'replicas'} that it should have in ${listed(other)}. Change that by kafka-reassign-partitions.sh, or set KAFKA_TOPIC_REPLICAS.`
    found.push(finding(step, 'replicas', sentence))
  }
  const few = state.partitions.filter(({ replicas }) => replicas < least)
  if (few.length > 0) {
    const sentence = `${name} has fewer replicas than min.insync.replicas (${least}) in ${listed(few)}, so that no publisher that waits for them gets an acknowledgement. Add replicas by kafka-reassign-partitions.sh, or lower min.insync.replicas.`
    found.push(finding(step, 'fewer-replicas-than-min-insync', sentence))
  }
  const lagging = state.partitions.filter(({ replicas, inSync }) => replicas >= least && inSync < least)
  if (lagging.length > 0) {
    const sentence = `${name} has too few replicas in sync for min.insync.replicas (${least}) in ${listed(lagging)}: writes are refused there until a broker is back or has caught up. Check the brokers.`
    found.push(finding(step, 'below-min-insync', sentence))
  }
  if (state.config.get('unclean.leader.election.enable') === 'true') {
    const sentence = `${name} allows unclean leader election (unclean.leader.election.enable), by which acknowledged records are lost when a replica that lacks them becomes leader. Set it to false by kafka-configs.sh.`
    found.push(finding(step, 'unclean-leader-election', sentence))
  }
  return found
}

function finding({ name }: Pick<TopicStep, 'name'>, is: TopicFinding['is'], sentence: string): TopicFinding {
  return { topic: name, is, sentence }
}

function listed(partitions: TopicState['partitions']): string {
  const numbers = partitions.map(({ partition }) => partition).toSorted((a, b) => a - b)
  return `${numbers.length === 1 ? 'partition' : 'partitions'} ${numbers.join(', ')}`
}
