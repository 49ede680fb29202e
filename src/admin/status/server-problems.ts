import { lockSentence } from '../lag/lag-cause.ts'
import type { BlockedStatement } from '../lag/lag-ports.ts'
import type { GroupLagReport } from '../lag/lag-report.ts'
import { roughly } from '../lag/lag-verdict.ts'
import { psql, workerctl, type Problem } from './finding.ts'
import type { GroupFacts, StatusFacts } from './status-facts.ts'
import { stillSentence } from './still-sentence.ts'

const BLOCKED_MS = 1_000
const SLOW_MS = 5_000
/** Accepts take some milliseconds; deliveries include recalculations, which may take seconds. */
const SLOW_ACCEPT_MS = 2_000
const SLOW_ROUND_TRIP_MS = 250
const ACCEPT = 'kafka-worker accept'

/** What is wrong with the database, Kafka and the topics, and the sessions that block or slow others. */
export function findServerProblems({ database, schema, kafka, groups, ...facts }: StatusFacts): readonly Problem[] {
  const findings: Problem[] = []
  if (database !== null) findings.push({ kind: 'database-away', sentence: database, command: workerctl('doctor --only database') })
  if (kafka !== null) findings.push({ kind: 'kafka-away', sentence: kafka, command: workerctl('doctor --only login') })
  if (schema !== null) {
    const isOld = schema.includes('workerctl -- migrate')
    findings.push({ kind: 'schema', sentence: schema, command: workerctl(isOld ? 'migrate' : 'doctor --only rights') })
  }
  const missing = [...new Set(groups.filter(({ isMissing }) => isMissing).map(({ topic }) => topic))]
  if (missing.length > 0) {
    const sentence = `Topic ${missing.join(', ')} does not exist on these brokers.`
    findings.push({ kind: 'topic-missing', sentence, command: workerctl('topics apply') })
  }
  for (const { pid, host, since } of facts.quiet) {
    const sentence = `Process ${pid} on ${host} is quiet: it has taken no new work since ${since.toISOString()}, and keeps its partitions.`
    findings.push({ kind: 'process-quiet', sentence, command: `kill -CONT ${pid}` })
  }
  return [...findings, ...ofBlocked({ ...facts, groups }), ...ofSlow({ ...facts, groups }), ...ofUnread(facts.unread)]
}

/** The longest wait for a lock, with the events that stand still meanwhile; without one, the locks that kept status itself from reading. */
function ofBlocked({ blocked, groups, unread }: Pick<StatusFacts, 'blocked' | 'groups' | 'unread'>): readonly Problem[] {
  const still = stillSentence(reportsOf(groups))
  const locked = new Set(unread.filter(({ isLocked }) => isLocked).map(({ table }) => table))
  const isHeld = ({ statement }: BlockedStatement) => statement?.split(', ').some((table) => locked.has(table)) === true
  const waiting = blocked.filter(({ pid, forMs }) => pid !== null && (forMs === null || forMs >= BLOCKED_MS))
  const held = [...waiting, ...blocked.filter((one) => one.pid === null && (still !== null || isHeld(one)))]
  const [longest, ...others] = [...new Map(held.map((one) => [one.pid ?? -one.by.pid, one])).values()].toSorted(
    (one, other) => (other.forMs ?? 0) - (one.forMs ?? 0),
  )
  if (longest === undefined) return []
  const waits = others.filter(({ pid }) => pid !== null).length
  const more = waits === 0 ? '' : ` ${waits} more wait for a lock.`
  const isAccept = longest.pid === null || held.some(({ application }) => application === ACCEPT)
  const sentence = `${lockSentence(longest)}${more}${isAccept && still !== null ? ` ${still}` : ''}`
  return [{ kind: 'statement-blocked', sentence, command: psql(isOurs(longest.by.application) ? sessionOf(longest.by.pid) : `SELECT pg_terminate_backend(${longest.by.pid})`) }] // prettier-ignore
}

/** The slowest statement, or a slow way to the database. An accept that is slow delays every event, others may just have much to do. */
function ofSlow({ slow, roundTripMs, groups }: Pick<StatusFacts, 'slow' | 'roundTripMs' | 'groups'>): readonly Problem[] {
  const accept = slow.find(({ application, forMs }) => application === ACCEPT && forMs >= SLOW_ACCEPT_MS)
  const slowest = accept ?? slow.find(({ forMs }) => forMs >= SLOW_MS)
  const findings: Problem[] = []
  if (roundTripMs !== null && roundTripMs >= SLOW_ROUND_TRIP_MS) {
    const sentence = `The database is slow: a round trip to it takes ${Math.round(roundTripMs)} ms from here, and every statement at least as long.`
    findings.push({ kind: 'database-slow', sentence, command: psql('SELECT * FROM pg_stat_activity') })
  }
  if (slowest !== undefined) {
    const { statement, application, pid, forMs } = slowest
    const still = accept === undefined ? null : stillSentence(reportsOf(groups))
    findings.push({
      kind: accept === undefined ? 'statement-slow' : 'database-slow',
      sentence: `The database has worked for ${roughly(forMs)} on ${statement ?? 'a statement'} of "${application}" (pid ${pid}).${still === null ? '' : ` ${still}`}`,
      command: psql(sessionOf(pid)),
    })
  }
  return findings
}

/** What is missing in this status although the database answers, by why: one finding each. */
function ofUnread(unread: StatusFacts['unread']): readonly Problem[] {
  return [...Map.groupBy(unread, ({ isLocked }) => isLocked)].map(([isLocked, alike]) => {
    const facts = listed(alike.map(({ fact }) => fact))
    const tables = listed([...new Set(alike.map(({ table }) => table))])
    const why = isLocked ? `another session keeps ${tables} locked` : `statements on ${tables} were cancelled before they ended`
    return { kind: 'facts-unread', sentence: `Some facts could not be read (${facts}): ${why}.`, command: psql(SESSIONS) }
  })
}

/** Each session with those that it waits for. */
const SESSIONS =
  'SELECT pid, pg_blocking_pids(pid) AS blocked_by, application_name, state, query FROM pg_stat_activity WHERE datname = current_database()'

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

function reportsOf(groups: readonly GroupFacts[]): readonly GroupLagReport[] {
  return groups.flatMap(({ report }) => report ?? [])
}

function sessionOf(pid: number): string {
  return `SELECT * FROM pg_stat_activity WHERE pid = ${pid}`
}

/** Not to be ended on sight: a daemon, a migration, or autovacuum, which has no name. */
function isOurs(application: string | null): boolean {
  return application === null || application === '' || application.startsWith('kafka-worker')
}
