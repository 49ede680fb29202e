import { deadLetterTopic } from '../../ingest/dead-letter.ts'
import type { OperatorGroup } from '../operator-group.ts'

export interface TopicStep {
  readonly name: string
  readonly action: 'create' | 'grow' | 'keep'
  /** Partitions now; 0 when the topic does not exist. */
  readonly from: number
  /** Partitions afterwards. */
  readonly partitions: number
  /** Settings given at creation; the broker's defaults hold for everything else, and an existing topic keeps its own. */
  readonly config: Readonly<Record<string, string>>
  /** What the operator should know before this is applied. */
  readonly note: string | null
}

/** Default number of partitions of a new topic. */
export const DEFAULT_PARTITIONS = 10
/** Days that a dead letter is kept: as long as its event's outcome by default (`DEDUPE_DAYS`), far beyond the week that brokers keep records. */
const DEAD_LETTER_DAYS = 90

/**
 * What the topics of these groups need. Partitions are only ever added. A topic that exists is grown only when a count is
 * requested: the events of one campaign lie in one partition by their key, and more partitions move later ones elsewhere. A
 * dead-letter topic follows its topic, because a dead letter keeps the partition of its record.
 */
export function planTopics(question: {
  readonly groups: readonly OperatorGroup[]
  /** Null: not requested. */
  readonly partitions: number | null
  /** Partition counts of the topics that exist. */
  readonly present: ReadonlyMap<string, number>
}): readonly TopicStep[] {
  const { groups, partitions, present } = question
  return [...new Set(groups.map(({ topic }) => topic))].flatMap((name) => {
    const topic = eventTopic(name, present.get(name) ?? 0, partitions)
    const readers = groups.filter((group) => group.topic === name)
    return [topic].concat(readers.map(({ id }) => deadLetters(deadLetterTopic(name, id), present, topic.partitions)))
  })
}

/** Every topic that {@link planTopics} decides about. */
export function plannedTopics(groups: readonly OperatorGroup[]): readonly string[] {
  return [...new Set(groups.flatMap(({ topic, id }) => [topic, deadLetterTopic(topic, id)]))]
}

function eventTopic(name: string, from: number, requested: number | null): TopicStep {
  const wanted = requested ?? DEFAULT_PARTITIONS
  if (from === 0) return { name, action: 'create', from, partitions: wanted, config: {}, note: null }
  if (requested === null) {
    const note = from < wanted ? `it has fewer than ${wanted} partitions; --partitions ${wanted} would add ${wanted - from}` : null
    return { name, action: 'keep', from, partitions: from, config: {}, note }
  }
  if (from < requested) {
    const note = 'later events of a campaign may lie in another partition than earlier ones; let the workers catch up first'
    return { name, action: 'grow', from, partitions: requested, config: {}, note }
  }
  const note = from > requested ? 'partitions cannot be removed' : null
  return { name, action: 'keep', from, partitions: from, config: {}, note }
}

function deadLetters(name: string, present: ReadonlyMap<string, number>, needed: number): TopicStep {
  const from = present.get(name) ?? 0
  if (from === 0)
    return { name, action: 'create', from, partitions: needed, config: deadLetterConfig, note: `kept for ${DEAD_LETTER_DAYS} days` }
  return { name, action: from < needed ? 'grow' : 'keep', from, partitions: Math.max(from, needed), config: {}, note: null }
}

/** `delete` whatever the broker's default: compaction would keep the last dead letter of each campaign only. */
const deadLetterConfig = { 'retention.ms': String(DEAD_LETTER_DAYS * 86_400_000), 'cleanup.policy': 'delete' }
