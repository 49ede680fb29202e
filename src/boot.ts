import type { Config } from '../config/load.ts'
import { backoff } from './std/backoff.ts'
import type { Clock } from './std/clock.ts'
import { OperatorError, messageOf } from './std/failure.ts'
import { SqlError, type Sql } from './std/sql.ts'
import { deadLetterTopic } from './worker/dead-letter.ts'
import type { LogAdmin } from './worker/log-admin.ts'

const DAY_MS = 86_400_000
/** A record may be this much older than the topic's retention says: segments are removed whole, and late. */
const RETENTION_SLACK_DAYS = 7

export interface BootChecks {
  readonly config: Config
  readonly groupIds: readonly string[]
  readonly admin: LogAdmin
  readonly sql: Sql
  readonly checkSchema: (sql: Sql) => Promise<void>
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Hears each sentence about what is not there yet, once. */
  waiting(sentence: string): void
}

/**
 * Everything that must be true before a group joins. What is absent (broker, database) is said at once and asked for again
 * until `BOOT_TIMEOUT_MS`; what is wrong (schema, topics, rights) is said and ends the boot.
 *
 * @throws {OperatorError} one sentence with the way out.
 */
export async function bootChecks(checks: BootChecks): Promise<void> {
  const deadline = checks.clock.now() + checks.config.process.bootTimeoutMs
  await Promise.all([
    untilPresent(checks, deadline, databaseAbsence, async () => {
      await checks.sql.query('SELECT 1')
      await checks.checkSchema(checks.sql)
    }),
    untilPresent(checks, deadline, messageOf, () => checks.admin.connect(checks.signal)),
  ])
  await checkTopics(checks)
}

async function untilPresent(
  checks: BootChecks,
  deadline: number,
  absence: (error: unknown) => string | null,
  attempt: () => Promise<void>,
): Promise<void> {
  let said = ''
  for (let tries = 1; !checks.signal.aborted; tries++) {
    try {
      return await attempt()
    } catch (error) {
      const sentence = absence(error)
      if (sentence === null) throw error
      if (checks.clock.now() >= deadline)
        throw new OperatorError(`${sentence} (gave up after BOOT_TIMEOUT_MS=${checks.config.process.bootTimeoutMs})`)
      if (sentence !== said) checks.waiting(sentence)
      said = sentence
      const pause = backoff(tries, { baseMs: 200, maxMs: 2_000 })
      await checks.clock.sleep(Math.min(pause, Math.max(0, deadline - checks.clock.now())), checks.signal)
    }
  }
}

/** Null when the database is there and said no for good. */
function databaseAbsence(error: unknown): string | null {
  if (!(error instanceof SqlError)) return null
  // 57P03: starting up or shutting down; class 08: connection; 53300: too many connections.
  if (error.state === undefined || error.state === '57P03' || error.state === '53300' || error.state.startsWith('08')) {
    return `the database does not answer (${error.message}): check DATABASE_URL and that the server runs`
  }
  if (error.state.startsWith('28')) {
    throw new OperatorError(
      `the database refuses the user or password of DATABASE_URL (SQLSTATE ${error.state}): correct them, or the server's pg_hba.conf`,
    )
  }
  if (error.state === '3D000')
    throw new OperatorError('the database that DATABASE_URL names does not exist: create it, or correct the name')
  throw new OperatorError(
    `the database refused the boot's question (SQLSTATE ${error.state}): check the rights of the role in DATABASE_URL`,
  )
}

async function checkTopics({ config, groupIds, admin }: BootChecks): Promise<void> {
  const { topic } = config.kafka
  const wanted = [topic, ...groupIds.map((group) => deadLetterTopic(topic, group))]
  const present = await admin.topics(wanted)
  const missing = wanted.filter((name) => !present.has(name))
  if (missing.length > 0) {
    throw new OperatorError(
      `${missing.length === 1 ? 'topic' : 'topics'} ${missing.join(', ')} ${missing.length === 1 ? 'does' : 'do'} not exist: create them with: npm run workerctl -- topics apply`,
    )
  }
  const partitions = present.get(topic) ?? 0
  const narrow = wanted.slice(1).filter((name) => (present.get(name) ?? 0) < partitions)
  if (narrow.length > 0) {
    throw new OperatorError(
      `dead-letter topics ${narrow.join(', ')} have fewer partitions than ${topic} (${partitions}): grow them with: npm run workerctl -- topics apply`,
    )
  }
  const retentionMs = Number((await admin.topicConfig(topic)).get('retention.ms') ?? -1)
  const needed = Math.ceil(retentionMs / DAY_MS) + RETENTION_SLACK_DAYS
  if (retentionMs > 0 && config.accept.dedupeDays < needed) {
    throw new OperatorError(
      `DEDUPE_DAYS is ${config.accept.dedupeDays}, but topic ${topic} keeps records for ${Math.ceil(retentionMs / DAY_MS)} days: an event could come back after it was forgotten; set DEDUPE_DAYS to ${needed} or more`,
    )
  }
}
