import type { LogAdmin } from '../ingest/log-admin.ts'
import { OperatorError } from '../std/failure.ts'
import type { OperatorGroup } from './operator-group.ts'
import type { TopicAdmin } from './topics/topic-admin.ts'
import { unknownWord } from './unknown-word.ts'

/** @throws {OperatorError} when a topic of these groups is missing. */
export function requireTopics(admin: Pick<LogAdmin, 'topics'>, groups: readonly OperatorGroup[]): Promise<void> {
  return requireAll(admin, [...new Set(groups.map(({ topic }) => topic))])
}

/**
 * @param named the topic of the option `--topic`; undefined: `configured` is meant
 * @throws {OperatorError} when the topic is missing; of an option with the nearest topic that there is.
 */
export async function requireTopic(
  admin: Pick<LogAdmin & TopicAdmin, 'topics' | 'topicNames'>,
  named: string | undefined,
  configured: string,
): Promise<void> {
  if (named === undefined) return requireAll(admin, [configured])
  const names = await admin.topicNames()
  if (!names.includes(named)) throw unknownWord('topic', named, names, 'correct --topic, or KAFKA_BROKERS')
}

async function requireAll(admin: Pick<LogAdmin, 'topics'>, topics: readonly string[]): Promise<void> {
  const present = await admin.topics(topics)
  const missing = topics.filter((topic) => !present.has(topic))
  if (missing.length === 0) return
  throw new OperatorError(
    `Topic ${missing.join(', ')} does not exist on these brokers: correct KAFKA_TOPIC or KAFKA_BROKERS, or create it with: npm run workerctl -- topics apply`,
  )
}
