import type { HealthCheck, HealthReport } from '../infra/http/health-server.ts'
import { asSentence } from '../std/failure.ts'
import type { Stall } from '../std/stall-detector.ts'
import type { GroupStatus } from '../ingest/group-status.ts'

/** The facts behind /livez and /readyz. */
export interface HealthFacts {
  readonly phase: 'booting' | 'running' | 'stopping'
  /** Quiet mode is on: no new work is taken. */
  readonly quiet: boolean
  /** Null while the database answers. */
  readonly databaseOutage: string | null
  /** Why the database refuses work although it answers; null when it does not. */
  readonly databaseFault: string | null
  readonly groups: ReadonlyMap<string, GroupStatus>
  /** Tasks that have stalled (watchdog.ts). */
  readonly stalls: readonly Stall[]
  /** Unavailable dependencies that do not make the process unready (dependencies.ts). */
  readonly notes: Readonly<Record<string, HealthCheck>>
}

export interface Health {
  live(): HealthReport
  ready(): HealthReport
}

/** Adds to each failing check when it was first seen failing; to be called about once a second. */
export function createHealth(of: { facts(): HealthFacts; now(): number }): Health {
  const live = new Map<string, Dated>()
  const ready = new Map<string, Dated>()
  return {
    live: () => dated(liveness(of.facts()), live, of.now()),
    ready: () => dated(readiness(of.facts()), ready, of.now()),
  }
}

/**
 * Ready: every group has an assignment and can accept events. A relay that is down is reported but does not make the process unready:
 * positions and rewards continue, and mail stays queued in the database.
 */
export function readiness(facts: HealthFacts): HealthReport {
  return reportOf({
    process: firstFailing(processReady(facts), stalled(null, facts)),
    database: databaseReady(facts),
    ...facts.notes,
    ...forEachGroup(facts, (status, group) => firstFailing(groupReady(status), stalled(group, facts))),
  })
}

/**
 * Alive: a restart would not help. Liveness fails only for a group whose client cannot recover and for stalled tasks; never for a dependency
 * that is down or an intended pause. A blocked event loop cannot answer at all.
 */
export function liveness(facts: HealthFacts): HealthReport {
  return reportOf({
    process: stalled(null, facts),
    ...forEachGroup(facts, (status, group) => firstFailing(status.state === 'lost' ? groupReady(status) : ok, stalled(group, facts))),
  })
}

const ok: HealthCheck = { ok: true }

function failing(reason: string, message: string, since?: number): HealthCheck {
  return { ok: false, reason, message, ...(since === undefined ? {} : { since: new Date(since).toISOString() }) }
}

function processReady({ phase, quiet }: HealthFacts): HealthCheck {
  if (phase === 'booting') return failing('booting', 'Waiting for the brokers, the database, or the groups to join.')
  if (phase === 'stopping') return failing('stopping', 'Shutting down: draining in-flight work.')
  return quiet
    ? failing('quiet', 'Quiet by SIGTSTP or POST /admin/quiet: no new work is taken; SIGCONT or POST /admin/unquiet resumes.')
    : ok
}

function databaseReady({ databaseOutage, databaseFault }: HealthFacts): HealthCheck {
  if (databaseOutage !== null) return failing('database-away', asSentence(databaseOutage))
  return databaseFault === null ? ok : failing('database-refuses', asSentence(databaseFault))
}

function groupReady({ state, reason }: GroupStatus): HealthCheck {
  switch (state) {
    case 'running':
      return ok
    case 'starting':
      return failing('starting', 'Waiting for a partition assignment from Kafka.')
    case 'waiting':
      return failing('waiting', asSentence(`Waiting, resumes automatically: ${reason ?? 'unknown cause'}`))
    case 'stopped':
      return failing('stopped', 'Left the consumer group.')
    case 'refused':
      return failing('refused', asSentence(reason ?? 'Stopped until the operator decides'))
    case 'lost':
      return failing('lost', asSentence(`The Kafka client cannot recover, restart the process: ${reason ?? 'unknown cause'}`))
  }
}

/** Not while stopping: the grace period ends stalled tasks anyway. */
function stalled(group: string | null, { phase, stalls }: HealthFacts): HealthCheck {
  const [first, ...others] = stalls.filter((stall) => stall.group === group).sort((a, b) => a.since - b.since)
  if (first === undefined || phase === 'stopping') return ok
  const more = others.length === 0 ? '' : `, and ${others.length} more`
  const message = `No progress for ${seconds(first.stillMs)} (limit ${seconds(first.allowedMs)}) without a known reason: ${first.what}${more}. Restart the process.`
  return failing('stalled', message, first.since)
}

const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`

function firstFailing(...checks: readonly HealthCheck[]): HealthCheck {
  return checks.find(({ ok }) => !ok) ?? ok
}

function forEachGroup(facts: HealthFacts, check: (status: GroupStatus, group: string) => HealthCheck): Record<string, HealthCheck> {
  return Object.fromEntries([...facts.groups].map(([group, status]) => [group, check(status, group)]))
}

function reportOf(checks: Record<string, HealthCheck>): HealthReport {
  return { ok: Object.values(checks).every(({ ok }) => ok), checks }
}

interface Dated {
  readonly reason: string
  readonly since: string
}

function dated({ ok, checks }: HealthReport, seen: Map<string, Dated>, now: number): HealthReport {
  const withDates = Object.entries(checks).map(([name, check]): readonly [string, HealthCheck] => {
    const before = seen.get(name)
    if (check.ok || check.reason === undefined) {
      seen.delete(name)
      return [name, check]
    }
    if (before?.reason !== check.reason) seen.set(name, { reason: check.reason, since: check.since ?? new Date(now).toISOString() })
    return [name, { ...check, since: check.since ?? seen.get(name)?.since ?? new Date(now).toISOString() }]
  })
  return { ok, checks: Object.fromEntries(withDates) }
}
