import { retentionMs } from '../../catalogue/event-retention.ts'
import { contradictions, keptFor, type EventTopic } from '../../catalogue/event-topics.ts'
import { deadLetterTopic } from '../../ingest/dead-letter.ts'
import type { LogAdmin } from '../../ingest/log-admin.ts'
import { OperatorError } from '../../std/failure.ts'
import { DAY_MS } from '../../std/day.ts'

/** A record may outlive the topic's retention by this much: segments are removed as a whole, and late. */
const RETENTION_SLACK_DAYS = 7

/** Not retried, unlike the adapter's own errors, which may be transient. */
export class TopicsRefused extends OperatorError {}

/** The settings of the worker that the check needs. */
export interface TopicCheckConfig {
  readonly kafka: { readonly sasl?: object | undefined; readonly tls?: object | undefined; readonly topicCheck: 'refuse' | 'warn' }
  readonly accept: { readonly dedupeDays: number }
}

export interface TopicCheck {
  readonly config: TopicCheckConfig
  readonly groups: readonly { readonly id: string; readonly topic: string }[]
  readonly catalogue: readonly EventTopic[]
  readonly admin: Pick<LogAdmin, 'topics' | 'topicConfig'>
}

/** A topic of events as the brokers have it, and the catalogue's word on it; undefined: it has no event of this topic. */
interface ReadTopic {
  readonly name: string
  readonly event: EventTopic | undefined
  readonly settings: ReadonlyMap<string, string>
  /** How long it keeps records when the daemon starts, in milliseconds; negative: forever. */
  readonly keptMs: number
}

/**
 * Checks the topics that groups read and the ones of their dead letters. Resolves to the sentences, one for each topic, about what contradicts
 * the catalogue, where `KAFKA_TOPIC_CHECK` lets the start continue.
 *
 * @throws {TopicsRefused} one message that names all topics with the fault, and the way out.
 */
export async function checkTopics(check: TopicCheck): Promise<readonly string[]> {
  const { config, groups, admin } = check
  const names = [...new Set(groups.map(({ topic }) => topic))]
  const wanted = [...names, ...groups.map(({ id, topic }) => deadLetterTopic(topic, id))]
  const present = await admin.topics(wanted)
  const missing = missingTopics(wanted, present, config)
  if (missing !== null) throw new TopicsRefused(missing)
  for (const name of names) {
    const narrow = narrowDeadLetterTopics(name, groups, present)
    if (narrow !== null) throw new TopicsRefused(narrow)
  }
  const { refusals, warnings } = await checkSettings(names, check)
  if (refusals.length > 0) throw new TopicsRefused(refusals.join(' '))
  return warnings
}

/** The sentence about those of the topics that do not exist; null when all do. */
export function missingTopics(
  wanted: readonly string[],
  present: Pick<ReadonlyMap<string, unknown>, 'has'>,
  { kafka: { sasl, tls } }: Pick<TopicCheckConfig, 'kafka'>,
): string | null {
  const missing = wanted.filter((name) => !present.has(name))
  if (missing.length === 0) return null
  // Without a right on it (Read and Write include Describe), brokers answer as if the topic did not exist.
  const orHidden =
    sasl === undefined && tls === undefined
      ? ''
      : ', or our user has no right there ("npm run workerctl -- topics acls" prints what it needs)'
  return (
    `${named('Topic', missing)} ${missing.length === 1 ? 'does' : 'do'} not exist${orHidden}: correct KAFKA_TOPIC or KAFKA_BROKERS, ` +
    `or run "npm run workerctl -- topics apply", then start again.`
  )
}

/** The sentence about dead-letter topics that are narrower than their topic; null when there are none. */
export function narrowDeadLetterTopics(topic: string, groups: TopicCheck['groups'], present: ReadonlyMap<string, number>): string | null {
  const partitions = present.get(topic) ?? 0
  const letters = groups.filter((group) => group.topic === topic).map(({ id }) => deadLetterTopic(topic, id))
  const narrow = letters.filter((name) => (present.get(name) ?? partitions) < partitions)
  if (narrow.length === 0) return null
  return (
    `${named('Dead-letter topic', narrow)} ${narrow.length === 1 ? 'has' : 'have'} fewer partitions than ${topic} (${partitions}): ` +
    `run "npm run workerctl -- topics apply", then start again.`
  )
}

/** How the settings of topics that exist contradict the catalogue and `DEDUPE_DAYS`: what refuses a start, and what is only logged. */
export async function checkSettings(
  names: readonly string[],
  { config, catalogue, admin }: Omit<TopicCheck, 'groups'>,
): Promise<{ readonly refusals: readonly string[]; readonly warnings: readonly string[] }> {
  const { topicCheck } = config.kafka
  const topics: ReadTopic[] = []
  for (const name of names) {
    const settings = await admin.topicConfig(name)
    const event = catalogue.find((topic) => topic.name === name)
    const kept = keptFor(settings)
    // A topic that keeps less than its class asks is refused now, and keeps what the class asks at the next start.
    const keptMs = event === undefined || topicCheck === 'warn' ? kept : longer(kept, retentionMs[event.retention])
    topics.push({ name, event, settings, keptMs })
  }
  const contradicting = topics.flatMap((topic) => {
    const clauses = topic.event === undefined ? [] : contradictions(topic.event, topic.settings)
    return clauses.length === 0 ? [] : [{ name: topic.name, clauses: clauses.join('; ') }]
  })
  const refusals = tooLongKept(topics, config.accept.dedupeDays)
  if (contradicting.length > 0 && topicCheck === 'refuse')
    refusals.unshift(`${contradictionOf(contradicting)}, then start again; or set KAFKA_TOPIC_CHECK=warn to start all the same.`)
  const warnings = topicCheck === 'warn' ? contradicting.map((topic) => `${contradictionOf([topic])}.`) : []
  return { refusals, warnings }
}

function contradictionOf(topics: readonly { readonly name: string; readonly clauses: string }[]): string {
  const each = topics.map(({ name, clauses }, index) =>
    index === 0 ? `Topic ${name} contradicts the catalogue of events (${clauses})` : `topic ${name} does, too (${clauses})`,
  )
  return `${each.join(', ')}: run "npm run workerctl -- topics apply"`
}

/** A sentence about all topics that remember events for longer than the database, or none. */
function tooLongKept(topics: readonly ReadTopic[], dedupeDays: number): string[] {
  const most = dedupeDays - RETENTION_SLACK_DAYS
  const long = topics.filter(({ keptMs }) => keptMs > 0 && !isWithin(keptMs, most))
  if (long.length === 0) return []
  const needed = Math.max(...long.map(({ keptMs }) => daysOf(keptMs))) + RETENTION_SLACK_DAYS
  const each = long.map(({ name, settings, keptMs }) => {
    const days = daysOf(keptMs)
    return `topic ${name} ${keptMs === keptFor(settings) ? 'keeps' : 'is to keep'} records for ${days} ${days === 1 ? 'day' : 'days'}`
  })
  // A retention that the class of the events requires must stay: a shorter one would contradict the catalogue.
  const mayShorten = most > 0 && long.every(({ event }) => event === undefined || isWithin(retentionMs[event.retention], most))
  const shorten = mayShorten ? `, or shorten retention.ms of ${long.map(({ name }) => name).join(', ')} to at most ${most * DAY_MS}` : ''
  return [
    `DEDUPE_DAYS is ${dedupeDays}, but ${each.join(' and ')}, so that an event could come back after it was forgotten: ` +
      `set DEDUPE_DAYS to ${needed} or more${shorten}.`,
  ]
}

function longer(ms: number, otherMs: number): number {
  return ms < 0 || otherMs < 0 ? -1 : Math.max(ms, otherMs)
}

/** Whether a retention ends, and after this many days at the latest. */
function isWithin(keptMs: number, days: number): boolean {
  return keptMs >= 0 && daysOf(keptMs) <= days
}

function daysOf(ms: number): number {
  return Math.ceil(ms / DAY_MS)
}

function named(noun: string, names: readonly string[]): string {
  return `${noun}${names.length === 1 ? '' : 's'} ${names.join(', ')}`
}
