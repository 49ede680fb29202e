import type { Fact, Observe } from '../../model/fact.ts'
import type { Log } from './log.ts'

type Level = 'debug' | 'info' | 'warn' | 'error'

/** A line that repeats one of the last ten seconds is counted, not written, so that a fault does not flood the log. */
const QUIET_MS = 10_000

/** Interval at which skipped and retried deliveries are logged, per reason, with the number of repetitions. */
const OUTCOME_QUIET_MS = 60_000

/** A Kafka client without warnings for so long has recovered; its request timeout and retry pauses are at most half as long. */
const CALM_MS = 60_000

/**
 * Writes facts as log lines. Nothing per event at info: chunks, commits, claims and successful deliveries are debug; a retry is warn, once per
 * reason and minute; every dead letter is error; a change of state is logged once, and its repetitions are debug.
 */
export function logFacts(log: Log, now: () => number = () => performance.now()): Observe {
  const states = new Map<string, string>()
  /** Until when further warnings of a group's client belong to the same incident. */
  const complaints = new Map<string, number>()
  /** Shards of the outbox that wait, and the causes that were logged since the first of them began to. */
  const waitingShards = new Set<number>()
  const shardCauses = new Set<string>()
  const quiet = new Map<string, { until: number; suppressed: number }>()

  /** A fact that no line is written of costs one comparison: most are `debug`, and there are several per delivery. */
  function write(level: Level, fact: Fact, message: string, fields?: object): void {
    if (log.isLevelEnabled(level)) log[level](fields ?? fieldsOf(fact), message)
  }

  /** Whether `value` differs from the last value of `key`. */
  function changed(key: string, value: string): boolean {
    if (states.get(key) === value) return false
    states.set(key, value)
    return true
  }

  /** Whether a warning of the group's client, whatever its text, starts a new incident. */
  function isNewComplaint(group: string): boolean {
    const isNews = now() >= (complaints.get(group) ?? 0)
    complaints.set(group, now() + CALM_MS)
    return isNews
  }

  /** The group has joined: the next warning is a new incident. */
  function onJoined(group: string): void {
    complaints.delete(group)
    states.delete(`crashed ${group}`)
  }

  function isQuiet(key: string): boolean {
    return now() < (quiet.get(key)?.until ?? -Infinity)
  }

  /** @param times how often what is logged has happened, this time included */
  function writeRateLimited(
    level: Level,
    fact: Fact,
    key: string,
    message: string,
    fields: object = fieldsOf(fact),
    quietMs = QUIET_MS,
    times = 1,
  ): void {
    const last = quiet.get(key)
    if (last !== undefined && isQuiet(key)) {
      last.suppressed += times
      return
    }
    if (quiet.size >= 1000) quiet.clear()
    quiet.set(key, { until: now() + quietMs, suppressed: 0 })
    const repeated = (last?.suppressed ?? 0) + times - 1
    write(level, fact, message, repeated > 0 ? { ...fields, repeated } : fields)
  }

  /** A relay or endpoint may defer thousands of deliveries: the first per reason and minute is warn, the rest debug. */
  function writeOutcome(fact: Extract<Fact, { is: 'settled' }>): void {
    const level = levelOfOutcome(fact.outcome)
    if (fact.outcome !== 'retry') return write(level, fact, 'settled')
    const key = `retry ${fact.group} ${fact.kind} ${fact.reason}`
    if (isQuiet(key)) write('debug', fact, 'settled')
    writeRateLimited(level, fact, key, 'settled', fieldsOf(fact), OUTCOME_QUIET_MS)
  }

  /** What keeps one shard from Kafka or the database mostly keeps all of them: each cause is logged once until none waits. */
  function writeWaitingShard(fact: Extract<Fact, { is: 'outbox-waiting' }>): void {
    const isNews = !shardCauses.has(fact.cause)
    waitingShards.add(fact.shard)
    shardCauses.add(fact.cause)
    write(isNews ? 'warn' : 'debug', fact, 'outbox waiting')
  }

  function writeSkips(fact: Extract<Fact, { is: 'settled' | 'skipped-at-accept' }>, count: number): void {
    const { group, kind, reason } = fact
    const key = `skipped ${group} ${kind} ${reason}`
    writeRateLimited('info', fact, key, skippedAs(reason), { group, kind, reason }, OUTCOME_QUIET_MS, count)
  }

  return (fact) => {
    switch (fact.is) {
      case 'group-joined':
        onJoined(fact.group)
        return write('info', fact, 'group joined')
      case 'assignment-ended':
        return write('info', fact, 'assignment ended')
      case 'fetched':
        return write('debug', fact, 'fetched')
      case 'accepted':
        return write('debug', fact, 'accepted')
      case 'dead-lettered':
        return write('error', fact, 'dead letter', { ...fieldsOf(fact), outcome: 'dead-letter' })
      case 'dead-letter-replayed':
        return write(fact.outcome === 'dead-letter' ? 'error' : 'info', fact, 'dead letter replayed')
      case 'row-moved':
        return write(fact.meaning === 'database-behind-kafka' ? 'error' : 'warn', fact, fact.meaning)
      case 'recovered':
        return write('warn', fact, 'accepted events again that the database had lost')
      case 'offset-overruled':
        return write(
          'warn',
          fact,
          `the committed offset was moved by another tool and is reset to the progress row, which decides; to move both: npm run workerctl -- offsets reset --group ${fact.group}`,
        )
      case 'waiting':
        return write(changed(waitKey(fact), fact.cause) ? 'warn' : 'debug', fact, 'waiting')
      case 'resumed':
        states.delete(waitKey(fact))
        return write('info', fact, 'resumed')
      case 'committed':
        states.delete(`commit ${fact.group}`)
        return write('debug', fact, 'committed')
      case 'commit-failed':
        return write(changed(`commit ${fact.group}`, 'failed') ? 'warn' : 'debug', fact, 'commit failed')
      case 'paused':
        // A pause that ends by itself is a warning; one that needs an operator is an error.
        return write(fact.detail === null ? 'warn' : 'error', fact, 'paused')
      case 'unpaused':
        return write('info', fact, 'unpaused')
      case 'operator-pause':
        return write('warn', fact, fact.state === 'begun' ? 'paused by an operator' : 'pause of an operator is over')
      case 'group-stopped':
        return write('error', fact, 'group stopped')
      case 'group-resumed':
        return write('info', fact, 'group restarted')
      case 'log-unchecked':
        return write('debug', fact, 'log not checked')
      case 'consumer-crashed':
        // A crash that counts towards the limit is logged each time; one that only waits for the brokers, once until the group has joined.
        return write(changed(`crashed ${fact.group}`, String(fact.crashes)) ? 'error' : 'debug', fact, 'consumer crashed')
      case 'client-log': {
        const level = fact.level === 'warn' && !isNewComplaint(fact.group) ? 'debug' : fact.level
        const fields = { group: fact.group, ...clientDetail(fact.detail) }
        return writeRateLimited(level, fact, `client ${level} ${fact.group} ${fact.message}`, `kafka client: ${fact.message}`, fields)
      }
      case 'claimed':
        return write('debug', fact, 'claimed')
      case 'started':
        return write('debug', fact, 'started')
      case 'settled':
        // One fault makes all intents wait that need the same rows, and each retries within the minute.
        if (fact.outcome === 'waiting' && fact.detail !== null)
          return writeRateLimited('warn', fact, `waits ${fact.group} ${fact.kind} ${fact.detail}`, 'settled')
        // A skipped delivery has no other trace, and somebody may wait for it.
        if (fact.outcome === 'skipped') writeSkips(fact, 1)
        return writeOutcome(fact)
      case 'claim-lost':
        return writeRateLimited('warn', fact, `claim lost ${fact.group}`, 'claim lost')
      case 'recalculated':
        return fact.because === 'unsure'
          ? write('warn', fact, 'recalculated the whole campaign: stored positions had been changed by another writer')
          : write('debug', fact, 'recalculated')
      case 'recalculation-too-slow':
        return write(
          'error',
          fact,
          `a recalculation takes longer than LEADERBOARD_DEADLINE_MS: raise it, or run npm run workerctl -- leaderboard audit --campaign ${fact.campaignId} --repair (leaderboard backfill where nobody is ranked yet)`,
        )
      case 'swept':
        return write('debug', fact, 'swept')
      case 'execution-failed':
        return writeRateLimited('warn', fact, `execution ${fact.group} ${fact.cause}`, 'execution failed')
      case 'handler-escaped':
        return writeRateLimited('error', fact, `escaped ${fact.group}`, 'a batch handler threw, which is a bug in this program')
      case 'leases-expired':
        return writeRateLimited('warn', fact, 'leases expired', 'leases expired')
      case 'skipped-at-accept':
        return writeSkips(fact, fact.count)
      case 'abandoned':
        return writeRateLimited(
          'warn',
          fact,
          `abandoned ${fact.group} ${fact.destination}`,
          'given up: the endpoint was unavailable for too long',
        )
      case 'retention':
        return write('info', fact, 'retention')
      case 'replay':
        return write(fact.what === 'failed' ? 'warn' : 'info', fact, `replay ${fact.what}`)
      case 'retention-failed':
        return writeRateLimited('warn', fact, 'retention', 'retention failed')
      case 'dependency': {
        const level = fact.state === 'up' ? 'info' : 'warn'
        return write(changed(`dependency ${fact.name}`, fact.state) ? level : 'debug', fact, `${fact.name} is ${fact.state}`)
      }
      case 'breaker': {
        // A failed probe is logged again only when its cause is a new one.
        const key = `breaker ${fact.channel} ${fact.destination}`
        const loggedCauses = states.get(key) ?? ''
        const cause = `${fact.reason};`
        if (fact.state === 'closed') states.delete(key)
        if (fact.state === 'half-open' || (fact.state === 'open' && loggedCauses.includes(cause)))
          return write('debug', fact, `breaker ${fact.state}`)
        if (fact.state === 'open') states.set(key, loggedCauses + cause)
        return write(fact.state === 'open' ? 'warn' : 'info', fact, `breaker ${fact.state}`)
      }
      case 'slow-statement':
        return write('warn', fact, 'statement slow')
      case 'outbox-shards':
        return write('info', fact, 'outbox shards')
      case 'outbox-published':
        return write('debug', fact, 'outbox published')
      case 'outbox-failed':
        // A topic that does not exist fails all of its events.
        return writeRateLimited('error', fact, `outbox ${fact.topic} ${fact.type} ${fact.reason}`, 'outbox event failed')
      case 'outbox-waiting':
        return writeWaitingShard(fact)
      case 'outbox-resumed':
        waitingShards.delete(fact.shard)
        if (waitingShards.size === 0) shardCauses.clear()
        return write(waitingShards.size === 0 ? 'info' : 'debug', fact, 'outbox resumed')
      case 'committing':
      case 'performed':
      case 'outbox-sent':
        // The fact that follows at once says more.
        return
      case 'spans-dropped':
        return writeRateLimited('warn', fact, `spans ${fact.reason} ${fact.cause}`, 'spans of traces dropped')
      case 'template-unknown-variable':
        return write('warn', fact, 'template names an unknown variable')
    }
  }
}

function skippedAs(reason: string | null): string {
  return reason === 'stale' ? 'skipped: the event was older than MAIL_MAX_EVENT_AGE_SECONDS when it was accepted' : 'skipped'
}

function waitKey(fact: { readonly group: string; readonly partition: number }): string {
  return `wait ${fact.group} ${fact.partition}`
}

/** Retries and failures are warnings; all other outcomes are expected. */
function levelOfOutcome(outcome: string): Level {
  return ['retry', 'ambiguous', 'dead', 'rejected', 'held'].includes(outcome) ? 'warn' : 'debug'
}

/** Facts hold our own text and numbers only; offsets become numbers, maps become objects. */
function fieldsOf(fact: Fact): object {
  const { is: _, ...fields } = fact
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]))
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]))
  return value
}

/** The allowed fields of client log lines; everything else is dropped. */
const CLIENT_FIELDS = new Set([
  'broker',
  'clientId',
  'groupId',
  'memberId',
  'topic',
  'partition',
  'retryCount',
  'retryTime',
  'size',
  'apiName',
])

function clientDetail(detail: object): object {
  return Object.fromEntries(
    Object.entries(detail).filter(([name, value]) => CLIENT_FIELDS.has(name) && ['string', 'number'].includes(typeof value)),
  )
}
