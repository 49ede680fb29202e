import type { LogAdmin } from '../ingest/log-admin.ts'
import { OperatorError } from '../std/failure.ts'
import type { OperatorGroup } from './operator-group.ts'

/** @throws {OperatorError} when a topic of these groups is missing. */
export function requireTopics(admin: Pick<LogAdmin, 'topics'>, groups: readonly OperatorGroup[]): Promise<void> {
  return requireAll(admin, [...new Set(groups.map(({ topic }) => topic))])
}

/** @throws {OperatorError} when the topic is missing. */
export function requireTopic(admin: Pick<LogAdmin, 'topics'>, topic: string): Promise<void> {
  return requireAll(admin, [topic])
}

async function requireAll(admin: Pick<LogAdmin, 'topics'>, topics: readonly string[]): Promise<void> {
  const present = await admin.topics(topics)
  const missing = topics.filter((topic) => !present.has(topic))
  if (missing.length === 0) return
  throw new OperatorError(
    `Topic ${missing.join(', ')} does not exist on these brokers: correct KAFKA_TOPIC or KAFKA_BROKERS, or create it with: npm run workerctl -- topics apply`,
  )
}
