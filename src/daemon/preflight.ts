import type { Config } from '../../config/load.ts'
import { WritesRefused } from '../infra/postgres/client/writable.ts'
import type { EventTopic } from '../catalogue/event-topics.ts'
import { databaseRefusal, isDatabaseAway } from '../admin/database-sentence.ts'
import { checkTopics, TopicsRefused } from '../admin/topics/topic-check.ts'
import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { OperatorError, messageOf, asSentence } from '../std/failure.ts'
import { SqlError, type Sql } from '../std/sql.ts'
import { LogAccessRefused } from '../ingest/log-admin.ts'
import type { LogAdmin } from '../ingest/log-admin.ts'

/** A server that has not answered for so long is reported as silent; the request stays open. */
const SILENT_MS = 3_000
const SILENT: unique symbol = Symbol('silent')
/** The least time for a first answer, however short BOOT_TIMEOUT_MS is. */
const FIRST_ANSWER_MS = 2_000

export interface PreflightSettings {
  readonly config: Config
  /** Ids with the prefix, and what each reads. */
  readonly groups: readonly { readonly id: string; readonly topic: string }[]
  /** The topics that the catalogue knows. */
  readonly catalogue: readonly EventTopic[]
  readonly admin: LogAdmin
  readonly sql: Sql
  readonly checkSchema: (sql: Sql) => Promise<void>
  readonly requireWritable: (sql: Sql) => Promise<unknown>
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Called once for each sentence about an unmet requirement. */
  readonly onWaiting: (sentence: string) => void
  /** Called once for each topic that contradicts the catalogue, where `KAFKA_TOPIC_CHECK` lets the start continue. */
  readonly onWarning: (sentence: string) => void
}

/** A requirement that is checked until it is met. */
interface Requirement {
  check(signal: AbortSignal): Promise<void>
  /** Why the requirement is not met yet; throws when waiting will not help. */
  unmet(error: unknown): string
  /** The sentence for a server that does not answer. */
  readonly silence: string
}

/**
 * Checks everything a group requires before it joins. Unreachable servers are reported at once and retried until `BOOT_TIMEOUT_MS`; faults
 * (schema, topics, rights) end the startup, even while another server is still unreachable.
 *
 * @throws {OperatorError} one sentence with the way out.
 */
export async function preflight(checks: PreflightSettings): Promise<void> {
  const ended = new AbortController()
  const signal = AbortSignal.any([checks.signal, ended.signal])
  try {
    await Promise.all([
      waitFor({ ...checks, signal }, databaseRequirement(checks)),
      waitFor({ ...checks, signal }, kafkaRequirement(checks)),
    ])
  } finally {
    // Otherwise the retries of one requirement would delay the exit after the other has failed.
    ended.abort()
  }
}

async function waitFor({ config, clock, signal, onWaiting: waiting }: PreflightSettings, need: Requirement): Promise<void> {
  const { bootTimeoutMs } = config.process
  const startedAt = clock.monotonic()
  const deadline = startedAt + bootTimeoutMs
  const cutAt = Math.max(deadline, startedAt + FIRST_ANSWER_MS)
  let reported = ''
  const report = (sentence: string) => {
    if (sentence !== reported) waiting(sentence)
    reported = sentence
  }

  for (let tries = 1; !signal.aborted; tries++) {
    const over = new AbortController()
    const attempt = AbortSignal.any([signal, over.signal])
    const checked = need.check(attempt).then(
      () => null,
      (error: unknown): string | typeof SILENT => (attempt.aborted ? SILENT : need.unmet(error)),
    )
    const silentFor = (ms: number) => clock.sleep(Math.max(0, ms), attempt).then((): typeof SILENT => SILENT)
    let answer = await Promise.race([checked, silentFor(Math.min(SILENT_MS, cutAt - clock.monotonic()))])
    // The sleep also ends early when the other requirement has failed, which does not mean silence.
    if (answer === SILENT && !signal.aborted && clock.monotonic() < cutAt) {
      if (reported === '') report(need.silence)
      answer = await Promise.race([checked, silentFor(cutAt - clock.monotonic())])
    }
    over.abort()
    if (answer === null || signal.aborted) return
    if (answer !== SILENT) report(answer)
    else if (reported === '') report(need.silence)
    const pause = backoff(tries, { baseMs: 200, maxMs: 2_000 })
    await clock.sleep(Math.min(pause, Math.max(0, deadline - clock.monotonic())), signal)
    if (clock.monotonic() >= deadline && !signal.aborted)
      throw new OperatorError(`${reported.replace(/\.$/, '')}; given up after BOOT_TIMEOUT_MS (${bootTimeoutMs}).`)
  }
}

function databaseRequirement({ sql, checkSchema, requireWritable }: PreflightSettings): Requirement {
  return {
    check: async () => {
      await sql.query('SELECT 1')
      await checkSchema(sql)
      await requireWritable(sql)
    },
    unmet: (error) => {
      if (error instanceof WritesRefused) return error.message
      if (!(error instanceof SqlError)) throw error
      const known = databaseRefusal(error)
      if (!isDatabaseAway(error)) throw known
      return known.message
    },
    silence: 'The database does not answer yet: check DATABASE_URL or PG*, and that the server runs.',
  }
}

function kafkaRequirement(checks: PreflightSettings): Requirement {
  const { config, admin } = checks
  const brokers = config.kafka.brokers.join(', ')
  return {
    check: async (signal) => {
      await admin.connect(signal)
      const warnings = await checkTopics(checks)
      // The answer of an attempt that was given up comes late, beside that of the next one.
      if (!signal.aborted) for (const sentence of warnings) checks.onWarning(sentence)
    },
    unmet: (error) => {
      if (error instanceof TopicsRefused || error instanceof LogAccessRefused) throw error
      if (error instanceof OperatorError) return asSentence(error.message)
      return `Kafka at ${brokers} does not list its topics (${messageOf(error)}): check the health of its brokers.`
    },
    silence: `No Kafka broker answers at ${brokers} yet: start Kafka there, or correct KAFKA_BROKERS.`,
  }
}
