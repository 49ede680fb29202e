import {
  DEFAULT_PARTITIONS,
  inDays,
  settingFaults,
  topicSettings,
  type EventTopic,
  type SettingFault,
} from '../../catalogue/event-topics.ts'
import { retentionMs } from '../../catalogue/event-retention.ts'
import { deadLetterTopic } from '../../ingest/dead-letter.ts'
import type { OperatorGroup } from '../operator-group.ts'
import type { TopicState } from './topic-admin.ts'
import { DAY_MS } from '../../std/day.ts'

/** What the topics of an installation should be, by its catalogue and its configuration. */
export interface WantedTopics {
  readonly catalogue: readonly EventTopic[]
  /** Each needs a dead-letter topic. */
  readonly groups: readonly Pick<OperatorGroup, 'id' | 'topic'>[]
  /** Partitions of each topic of events. Null: those of an existing topic are as they should be. */
  readonly partitions: number | null
  /** Replicas of each partition. Null: the brokers' default for a new topic, and those of an existing one are as they should be. */
  readonly replicas: number | null
}

export interface TopicStep {
  readonly name: string
  readonly of: 'events' | 'dead-letters'
  /** `grow`: more partitions, and perhaps settings; `alter`: settings only. */
  readonly action: 'create' | 'grow' | 'alter' | 'keep'
  /** Partitions now; 0 when the topic does not exist. */
  readonly from: number
  /** Partitions afterwards. */
  readonly partitions: number
  /** Settings given at creation, or changed. All others are the brokers' defaults or stay as they are. */
  readonly config: Readonly<Record<string, string>>
  /** Later records of a key may lie in another partition than earlier ones: applied only when the operator allows it. */
  readonly movesKeys: boolean
  /** What would change, and what the operator should know. */
  readonly sentences: readonly string[]
}

/** Days that a dead letter is kept: as long as its event's outcome by default (`DEDUPE_DAYS`), far beyond the week that brokers keep records. */
const DEAD_LETTER_DAYS = 90
export const DEAD_LETTER_MS = DEAD_LETTER_DAYS * DAY_MS

/**
 * What would make the topics as they are wanted. Nothing of it removes partitions or deletes records. A dead-letter topic has at
 * least as many partitions as its topic, because a dead letter keeps the partition of its record: no key moves when it grows.
 */
export function planTopics(wanted: WantedTopics, present: ReadonlyMap<string, TopicState>): readonly TopicStep[] {
  return topicNames(wanted).flatMap((name) => {
    const topic = eventTopicStep(name, wanted, present.get(name))
    const letters = lettersOf(name, wanted.groups).map((dlq) => deadLetterStep(dlq, topic.partitions, wanted, present.get(dlq)))
    return [topic, ...letters]
  })
}

/** Every topic that {@link planTopics} decides about. */
export function plannedTopics(wanted: Pick<WantedTopics, 'catalogue' | 'groups'>): readonly string[] {
  return topicNames(wanted).flatMap((name) => [name, ...lettersOf(name, wanted.groups)])
}

/** How long a topic is to keep its records, in milliseconds; negative: forever; null when the catalogue has no event of it. */
export function keptMsOf({ name, of }: Pick<TopicStep, 'name' | 'of'>, catalogue: readonly EventTopic[]): number | null {
  if (of === 'dead-letters') return DEAD_LETTER_MS
  const event = catalogue.find((topic) => topic.name === name)
  return event === undefined ? null : retentionMs[event.retention]
}

function topicNames({ catalogue, groups }: Pick<WantedTopics, 'catalogue' | 'groups'>): readonly string[] {
  return [...new Set([...catalogue.map(({ name }) => name), ...groups.map(({ topic }) => topic)])]
}

function lettersOf(name: string, groups: WantedTopics['groups']): readonly string[] {
  return groups.filter(({ topic }) => topic === name).map(({ id }) => deadLetterTopic(name, id))
}

function eventTopicStep(
  name: string,
  { catalogue, partitions: requested, replicas }: WantedTopics,
  state: TopicState | undefined,
): TopicStep {
  const of = 'events' as const
  const event = catalogue.find((topic) => topic.name === name)
  const keptMs = keptMsOf({ name, of }, catalogue)
  if (state === undefined) {
    const config = keptMs === null ? {} : topicSettings(keptMs)
    return created({ name, of, partitions: requested ?? DEFAULT_PARTITIONS, config }, replicas)
  }
  const from = state.partitions.length
  const partitions = Math.max(from, requested ?? 0)
  const key = event?.keys.join(' or ') ?? 'key'
  const growth = `Raise ${name} from ${from} to ${partitions} partitions, only with --allow-partition-change: later events of a ${key} may lie in another partition than earlier ones, so let the workers catch up first.`
  const notes = [
    ...(requested !== null && from > requested
      ? [`Keep ${name} at ${from} partitions: ${requested} are wanted, and partitions cannot be removed.`]
      : []),
    ...replicaNotes(name, replicas, state),
  ]
  return changed({ name, of, from, partitions, growth, notes, keptMs, config: state.config })
}

function deadLetterStep(name: string, needed: number, { replicas }: WantedTopics, state: TopicState | undefined): TopicStep {
  const of = 'dead-letters' as const
  if (state === undefined) return created({ name, of, partitions: needed, config: topicSettings(DEAD_LETTER_MS) }, replicas)
  const from = state.partitions.length
  const partitions = Math.max(from, needed)
  const growth = `Raise ${name} from ${from} to ${partitions} partitions, as many as its topic has: a dead letter keeps the partition of its record.`
  return changed({
    name,
    of,
    from,
    partitions,
    growth,
    notes: replicaNotes(name, replicas, state),
    keptMs: DEAD_LETTER_MS,
    config: state.config,
  })
}

/** Only a reassignment changes the replicas of a partition that exists. */
function replicaNotes(name: string, wanted: number | null, { partitions }: TopicState): readonly string[] {
  const other = new Set(partitions.map(({ replicas }) => replicas).filter((replicas) => wanted !== null && replicas !== wanted))
  if (wanted === null || other.size === 0) return []
  const now = [...other].toSorted((a, b) => a - b).join(' and ')
  return [
    `Keep the replicas of ${name}: partitions have ${now}, and ${wanted} ${wanted === 1 ? 'is' : 'are'} wanted, which kafka-reassign-partitions.sh changes.`,
  ]
}

function created(step: Pick<TopicStep, 'name' | 'of' | 'partitions' | 'config'>, replicas: number | null): TopicStep {
  const kept = step.config['retention.ms']
  const keeping = kept === undefined ? '' : ` and retention.ms ${kept} (${inDays(kept)})`
  const copies = replicas === null ? "the brokers' default of replicas" : `${replicas} ${replicas === 1 ? 'replica' : 'replicas'} of each`
  const parts = `${step.partitions} ${step.partitions === 1 ? 'partition' : 'partitions'}`
  const sentence = `Create ${step.name} with ${parts}${keeping === '' ? ' and' : ','} ${copies}${keeping}.`
  return { ...step, action: 'create', from: 0, movesKeys: false, sentences: [sentence] }
}

function changed({
  name,
  of,
  from,
  partitions,
  growth,
  notes,
  keptMs,
  config,
}: Pick<TopicStep, 'name' | 'of' | 'from' | 'partitions'> & {
  readonly growth: string
  readonly notes: readonly string[]
  readonly keptMs: number | null
  readonly config: TopicState['config']
}): TopicStep {
  const grows = partitions > from
  const changes = keptMs === null ? [] : settingFaults(keptMs, config).map((fault) => ({ fault, keptMs }))
  return {
    name,
    of,
    action: grows ? 'grow' : changes.length > 0 ? 'alter' : 'keep',
    from,
    partitions,
    config: Object.fromEntries(changes.flatMap(({ fault: { setting, wanted, beside } }) => [[setting, wanted], ...Object.entries(beside)])),
    movesKeys: grows && of === 'events',
    sentences: [
      ...(grows ? [growth] : []),
      ...changes.map(({ fault, keptMs: wantedMs }) => settingSentence(name, fault, wantedMs)),
      ...notes,
    ],
  }
}

function settingSentence(name: string, { setting, now, wanted, beside }: SettingFault, keptMs: number): string {
  if (setting === 'retention.ms') return `Change retention.ms of ${name} from ${now} (${inDays(now)}) to ${wanted} (${inDays(wanted)}).`
  if (setting === 'retention.bytes')
    return `Change retention.bytes of ${name} from ${now} to ${wanted}, because a limit of size deletes records however young they are.`
  const because = 'because compaction keeps only the last record of each key'
  if (Object.keys(beside).length === 0) return `Change cleanup.policy of ${name} from ${now} to ${wanted}, ${because}.`
  const limits = Object.entries(beside).map(([limit, value]) => `${limit} to ${value}`)
  const later = keptMs < 0 ? '' : ` To delete those older than ${inDays(keptMs)} later, set retention.ms to ${keptMs} by kafka-configs.sh.`
  return `Change cleanup.policy of ${name} from ${now} to ${wanted}, ${limits.join(' and ')}, ${because}; no record is deleted.${later}`
}
