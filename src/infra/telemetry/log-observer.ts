import type { Fact, Observe } from '../../model/fact.ts'
import type { Log } from './log.ts'

type Level = 'debug' | 'info' | 'warn' | 'error'

/** A line that says the same as one of the last ten seconds is counted, not written: a fault must not flood the log. */
const QUIET_MS = 10_000

/** Deliveries that are skipped, or will be repeated, are told so often for each reason, with how many there were meanwhile. */
const OUTCOME_QUIET_MS = 60_000

/** A client of Kafka that has not complained for so long has got over it; it waits for answers, and between tries, half as long. */
const CALM_MS = 60_000

/**
 * Writes facts as log lines. Nothing per event at info: chunks, commits, claims and good deliveries are debug; a retry is warn, once per
 * reason and minute; a dead letter error, each; a change of state is written once, and what merely repeats it is debug.
 */
export function logFacts(log: Log, now: () => number = () => performance.now()): Observe {
  const states = new Map<string, string>()
  /** Until when another complaint of a group's client is the same trouble. */
  const complaints = new Map<string, number>()
  const quiet = new Map<string, { until: number; suppressed: number }>()

  const write = (level: Level, fact: Fact, message: string, fields: object = fieldsOf(fact)) => log[level](fields, message)

  /** True when `value` is news about `key`. */
  function changed(key: string, value: string): boolean {
    if (states.get(key) === value) return false
    states.set(key, value)
    return true
  }

  /** The client of `group` complains, in whatever words: true when that is news, because it has not for a while, or has worked since. */
  function complains(group: string): boolean {
    const isNews = now() >= (complaints.get(group) ?? 0)
    complaints.set(group, now() + CALM_MS)
    return isNews
  }

  /** The brokers have taken the group in: what comes now is news again. */
  function calm(group: string): void {
    complaints.delete(group)
    states.delete(`crashed ${group}`)
  }

  function isQuiet(key: string): boolean {
    return now() < (quiet.get(key)?.until ?? -Infinity)
  }

  function writeSeldom(level: Level, fact: Fact, key: string, message: string, fields: object = fieldsOf(fact), quietMs = QUIET_MS): void {
    const last = quiet.get(key)
    if (last !== undefined && isQuiet(key)) {
      last.suppressed++
      return
    }
    if (quiet.size >= 1000) quiet.clear()
    quiet.set(key, { until: now() + quietMs, suppressed: 0 })
    write(level, fact, message, last !== undefined && last.suppressed > 0 ? { ...fields, repeated: last.suppressed } : fields)
  }

  /** A relay or endpoint that defers thousands gives as many equal lines: the first of each reason and minute is told, the rest is debug. */
  function writeOutcome(fact: Extract<Fact, { is: 'settled' }>): void {
    const level = levelOfOutcome(fact.outcome)
    if (fact.outcome !== 'retry') return write(level, fact, 'settled')
    const key = `retry ${fact.group} ${fact.kind} ${fact.reason}`
    if (isQuiet(key)) write('debug', fact, 'settled')
    writeSeldom(level, fact, key, 'settled', fieldsOf(fact), OUTCOME_QUIET_MS)
  }

  return (fact) => {
    switch (fact.is) {
      case 'group-joined':
        calm(fact.group)
        return write('info', fact, 'group joined')
      case 'assignment-ended':
        return write('info', fact, 'assignment ended')
      case 'fetched':
        return write('debug', fact, 'fetched')
      case 'accepted':
        return write('debug', fact, 'accepted')
      case 'dead-lettered':
        return write('error', fact, 'dead letter', { ...fieldsOf(fact), outcome: 'dead-letter' })
      case 'row-moved':
        return write(fact.meaning === 'database-behind-kafka' ? 'error' : 'warn', fact, fact.meaning)
      case 'recovered':
        return write('warn', fact, 'accepted again what the database had lost')
      case 'offset-overruled':
        return write(
          'warn',
          fact,
          `Kafka's offset was moved by another tool and is put back to the progress row, which decides; move both with: npm run workerctl -- offsets reset --group ${fact.group}`,
        )
      case 'waiting':
        return write(changed(place(fact), fact.cause) ? 'warn' : 'debug', fact, 'waiting')
      case 'resumed':
        states.delete(place(fact))
        return write('info', fact, 'resumed')
      case 'committed':
        states.delete(`commit ${fact.group}`)
        return write('debug', fact, 'committed')
      case 'commit-failed':
        return write(changed(`commit ${fact.group}`, 'failed') ? 'warn' : 'debug', fact, 'commit failed')
      case 'paused':
        // What passes by itself is a warning; what somebody must mend is an error.
        return write(fact.detail === null ? 'warn' : 'error', fact, 'paused')
      case 'unpaused':
        return write('info', fact, 'unpaused')
      case 'group-stopped':
        return write('error', fact, 'group stopped')
      case 'group-resumed':
        return write('info', fact, 'group begins anew')
      case 'log-unchecked':
        return write('debug', fact, 'log not checked')
      case 'consumer-crashed':
        // One that counts towards the limit is news each time; one that only waits for the brokers, once until the group has joined.
        return write(changed(`crashed ${fact.group}`, String(fact.crashes)) ? 'error' : 'debug', fact, 'consumer crashed')
      case 'client-log': {
        const level = fact.level === 'warn' && !complains(fact.group) ? 'debug' : fact.level
        const fields = { group: fact.group, ...clientDetail(fact.detail) }
        return writeSeldom(level, fact, `client ${level} ${fact.group} ${fact.message}`, `kafka client: ${fact.message}`, fields)
      }
      case 'claimed':
        return write('debug', fact, 'claimed')
      case 'started':
        return write('debug', fact, 'started')
      case 'settled':
        // One fault keeps all that need the same rows waiting, and each looks again within the minute.
        if (fact.outcome === 'waiting' && fact.detail !== null)
          return writeSeldom('warn', fact, `waits ${fact.group} ${fact.kind} ${fact.detail}`, 'settled')
        // Nothing comes of what is skipped, and somebody may wait for it.
        if (fact.outcome === 'skipped') {
          const { group, kind, reason } = fact
          writeSeldom('info', fact, `skipped ${group} ${kind} ${reason}`, skippedAs(reason), { group, kind, reason }, OUTCOME_QUIET_MS)
        }
        return writeOutcome(fact)
      case 'claim-lost':
        return writeSeldom('warn', fact, `claim lost ${fact.group}`, 'claim lost')
      case 'recalculated':
        return fact.because === 'unsure'
          ? write('warn', fact, 'recalculated everybody: stored positions were not as they were left')
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
        return writeSeldom('warn', fact, `execution ${fact.group} ${fact.cause}`, 'execution failed')
      case 'handler-escaped':
        return writeSeldom('error', fact, `escaped ${fact.group}`, 'a batch handler threw, which is a fault of this program')
      case 'leases-expired':
        return writeSeldom('warn', fact, 'leases expired', 'leases expired')
      case 'abandoned':
        return writeSeldom('warn', fact, `abandoned ${fact.group} ${fact.destination}`, 'given up: the endpoint was away for too long')
      case 'upkeep':
        return write('info', fact, 'upkeep')
      case 'upkeep-failed':
        return writeSeldom('warn', fact, 'upkeep', 'upkeep failed')
      case 'dependency': {
        const level = fact.state === 'up' ? 'info' : 'warn'
        return write(changed(`dependency ${fact.name}`, fact.state) ? level : 'debug', fact, `${fact.name} is ${fact.state}`)
      }
      case 'breaker': {
        // A look that finds the destination still away is no news, unless it is away for a cause that was not told yet.
        const key = `breaker ${fact.channel} ${fact.destination}`
        const told = states.get(key) ?? ''
        const cause = `${fact.reason};`
        if (fact.state === 'closed') states.delete(key)
        if (fact.state === 'half-open' || (fact.state === 'open' && told.includes(cause)))
          return write('debug', fact, `breaker ${fact.state}`)
        if (fact.state === 'open') states.set(key, told + cause)
        return write(fact.state === 'open' ? 'warn' : 'info', fact, `breaker ${fact.state}`)
      }
      case 'slow-statement':
        return write('warn', fact, 'statement slow')
      case 'committing':
      case 'performed':
        // What follows at once says more.
        return
      case 'template-unknown-variable':
        return write('warn', fact, 'template names an unknown variable')
    }
  }
}

function skippedAs(reason: string | null): string {
  return reason === 'stale' ? 'skipped: the event was older than MAIL_MAX_EVENT_AGE_SECONDS when it was accepted' : 'skipped'
}

function place(fact: { readonly group: string; readonly partition: number }): string {
  return `wait ${fact.group} ${fact.partition}`
}

/** A delivery that will be tried again, or never, is worth a look; the rest went as it should. */
function levelOfOutcome(outcome: string): Level {
  return ['retry', 'ambiguous', 'dead', 'rejected', 'held'].includes(outcome) ? 'warn' : 'debug'
}

/** Facts hold our own words and numbers only; offsets become numbers, maps objects. */
function fieldsOf(fact: Fact): object {
  const { is: _, ...fields } = fact
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]))
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]))
  return value
}

/** What the client library may say of its own doings; anything else it attaches stays out. */
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
