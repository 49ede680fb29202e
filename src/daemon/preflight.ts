import type { Config } from '../../config/load.ts'
import { WritesRefused } from '../infra/postgres/client/writable.ts'
import { asSentence } from '../std/as-sentence.ts'
import { databaseSentence, isDatabaseAway } from '../admin/database-sentence.ts'
import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { OperatorError, messageOf } from '../std/failure.ts'
import { SqlError, type Sql } from '../std/sql.ts'
import { deadLetterTopic } from '../ingest/dead-letter.ts'
import { LogAccessRefused } from '../ingest/log-admin.ts'
import type { LogAdmin } from '../ingest/log-admin.ts'

const DAY_MS = 86_400_000
/** A record may be this much older than the topic's retention says: segments are removed whole, and late. */
const RETENTION_SLACK_DAYS = 7
/** Who has not answered for so long is said not to; the question stays open. */
const SILENT_MS = 3_000
const SILENT: unique symbol = Symbol('silent')
/** A server that is there has this long for its first answer, however short BOOT_TIMEOUT_MS is. */
const FIRST_ANSWER_MS = 2_000

export interface BootChecks {
  readonly config: Config
  readonly groupIds: readonly string[]
  readonly admin: LogAdmin
  readonly sql: Sql
  readonly checkSchema: (sql: Sql) => Promise<void>
  readonly requireWritable: (sql: Sql) => Promise<unknown>
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Hears each sentence about what is not there yet, once. */
  readonly waiting: (sentence: string) => void
}

/** A question that is asked until it is answered. */
interface Need {
  ask(signal: AbortSignal): Promise<void>
  /** Why there is no answer yet; throws the refusal when there never will be one. */
  absence(error: unknown): string
  /** For who takes the question and says nothing. */
  readonly silence: string
}

/**
 * Everything that must be true before a group joins. What is absent (broker, database) is said at once and asked for again
 * until `BOOT_TIMEOUT_MS`; what is wrong (schema, topics, rights) is said and ends the boot, whatever else is still absent.
 *
 * @throws {OperatorError} one sentence with the way out.
 */
export async function bootChecks(checks: BootChecks): Promise<void> {
  const ended = new AbortController()
  const signal = AbortSignal.any([checks.signal, ended.signal])
  try {
    await Promise.all([untilAnswered({ ...checks, signal }, databaseNeed(checks)), untilAnswered({ ...checks, signal }, kafkaNeed(checks))])
  } finally {
    // The one that goes on asking when the other was refused would hold up the stop.
    ended.abort()
  }
}

async function untilAnswered({ config, clock, signal, waiting }: BootChecks, need: Need): Promise<void> {
  const { bootTimeoutMs } = config.process
  const startedAt = clock.monotonic()
  const deadline = startedAt + bootTimeoutMs
  const cutAt = Math.max(deadline, startedAt + FIRST_ANSWER_MS)
  let said = ''
  const say = (sentence: string) => {
    if (sentence !== said) waiting(sentence)
    said = sentence
  }

  for (let tries = 1; !signal.aborted; tries++) {
    const over = new AbortController()
    const attempt = AbortSignal.any([signal, over.signal])
    const asked = need.ask(attempt).then(
      () => null,
      (error: unknown): string | typeof SILENT => (attempt.aborted ? SILENT : need.absence(error)),
    )
    const silentFor = (ms: number) => clock.sleep(Math.max(0, ms), attempt).then((): typeof SILENT => SILENT)
    let answer = await Promise.race([asked, silentFor(Math.min(SILENT_MS, cutAt - clock.monotonic()))])
    // The sleep ends early when the other need was refused: that is no silence of this one.
    if (answer === SILENT && !signal.aborted && clock.monotonic() < cutAt) {
      if (said === '') say(need.silence)
      answer = await Promise.race([asked, silentFor(cutAt - clock.monotonic())])
    }
    over.abort()
    if (answer === null || signal.aborted) return
    if (answer !== SILENT) say(answer)
    else if (said === '') say(need.silence)
    const pause = backoff(tries, { baseMs: 200, maxMs: 2_000 })
    await clock.sleep(Math.min(pause, Math.max(0, deadline - clock.monotonic())), signal)
    if (clock.monotonic() >= deadline && !signal.aborted)
      throw new OperatorError(`${said.replace(/\.$/, '')}; given up after BOOT_TIMEOUT_MS (${bootTimeoutMs}).`)
  }
}

function databaseNeed({ sql, checkSchema, requireWritable }: BootChecks): Need {
  return {
    ask: async () => {
      await sql.query('SELECT 1')
      await checkSchema(sql)
      await requireWritable(sql)
    },
    absence: (error) => {
      if (error instanceof WritesRefused) return error.message
      if (!(error instanceof SqlError)) throw error
      const known =
        databaseSentence(error) ??
        new OperatorError(
          `The database does not take our questions (${error.message}): check that it is the platform's, and the role's rights.`,
        )
      if (!isDatabaseAway(error)) throw known
      return known.message
    },
    silence: 'The database does not answer so far: check DATABASE_URL or PG*, and that the server runs.',
  }
}

function kafkaNeed({ config, groupIds, admin }: BootChecks): Need {
  const brokers = config.kafka.brokers.join(', ')
  return {
    ask: async (signal) => {
      await admin.connect(signal)
      await checkTopics(config, groupIds, admin)
    },
    absence: (error) => {
      if (error instanceof TopicsRefused || error instanceof LogAccessRefused) throw error
      if (error instanceof OperatorError) return asSentence(error.message)
      return `Kafka at ${brokers} does not say which topics it has (${messageOf(error)}): check that its brokers are well.`
    },
    silence: `No Kafka broker answers at ${brokers} so far: start Kafka there, or correct KAFKA_BROKERS.`,
  }
}

/** Apart from the adapter's own sentences, which speak of what may be there the next time. */
class TopicsRefused extends OperatorError {}

async function checkTopics({ kafka: { topic, sasl, tls }, accept }: Config, groupIds: readonly string[], admin: LogAdmin): Promise<void> {
  const wanted = [topic, ...groupIds.map((group) => deadLetterTopic(topic, group))]
  const present = await admin.topics(wanted)
  const missing = wanted.filter((name) => !present.has(name))
  if (missing.length > 0) {
    // Brokers do not tell who may not describe a topic that there is one.
    const orHidden = sasl === undefined && tls === undefined ? '' : ', or our user has no right Describe there'
    throw new TopicsRefused(
      `${some('Topic', missing)} ${missing.length === 1 ? 'does' : 'do'} not exist${orHidden}: correct KAFKA_TOPIC or KAFKA_BROKERS, ` +
        `or run "npm run workerctl -- topics apply", then start again.`,
    )
  }
  const partitions = present.get(topic) ?? 0
  const narrow = wanted.slice(1).filter((name) => (present.get(name) ?? 0) < partitions)
  if (narrow.length > 0) {
    throw new TopicsRefused(
      `${some('Dead-letter topic', narrow)} ${narrow.length === 1 ? 'has' : 'have'} fewer partitions than ${topic} (${partitions}): ` +
        `run "npm run workerctl -- topics apply", then start again.`,
    )
  }
  const retentionMs = Number((await admin.topicConfig(topic)).get('retention.ms') ?? -1)
  const days = Math.ceil(retentionMs / DAY_MS)
  const needed = days + RETENTION_SLACK_DAYS
  if (retentionMs <= 0 || accept.dedupeDays >= needed) return
  throw new TopicsRefused(
    `DEDUPE_DAYS is ${accept.dedupeDays}, but topic ${topic} keeps records for ${days} ${days === 1 ? 'day' : 'days'}, so that an event ` +
      `could come back after it was forgotten: set DEDUPE_DAYS to ${needed} or more, or shorten the topic's retention.ms.`,
  )
}

function some(noun: string, names: readonly string[]): string {
  return `${noun}${names.length === 1 ? '' : 's'} ${names.join(', ')}`
}
