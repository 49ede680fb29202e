import type { HealthCheck, HealthReport } from '../infra/http/health-server.ts'
import { asSentence } from '../std/as-sentence.ts'
import type { Stall } from '../std/stall-detector.ts'
import type { GroupStatus } from '../ingest/group-status.ts'

/** What /livez and /readyz answer from. */
export interface HealthFacts {
  readonly phase: 'booting' | 'running' | 'stopping'
  /** It was told to take no new work. */
  readonly quiet: boolean
  /** Null while the database answers. */
  readonly databaseTrouble: string | null
  /** Why nothing or not all can be done on the database although it answers; null when all can. */
  readonly databaseFault: string | null
  readonly groups: ReadonlyMap<string, GroupStatus>
  /** What stands still for longer than it may (watchdog.ts). */
  readonly stalls: readonly Stall[]
  /** What is away and no reason to be unready (dependencies.ts). */
  readonly notes: Readonly<Record<string, HealthCheck>>
}

export interface Health {
  live(): HealthReport
  ready(): HealthReport
}

/** Dates what is wrong by when it was first seen so; to be asked about once a second. */
export function createHealth(of: { facts(): HealthFacts; now(): number }): Health {
  const live = new Map<string, Dated>()
  const ready = new Map<string, Dated>()
  return {
    live: () => dated(liveness(of.facts()), live, of.now()),
    ready: () => dated(readiness(of.facts()), ready, of.now()),
  }
}

/**
 * Ready: every group has partitions or waits for some, and can accept. A relay that is down is no reason: positions and
 * rewards go on, and mails wait in the database; it is named all the same.
 */
export function readiness(facts: HealthFacts): HealthReport {
  return reportOf({
    process: firstWrong(processReady(facts), stalled(null, facts)),
    database: databaseReady(facts),
    ...facts.notes,
    ...forEachGroup(facts, (status, group) => firstWrong(groupReady(status), stalled(group, facts))),
  })
}

/**
 * Alive: a restart would not help. Only a group whose client has ended for good, and what stands still without a known reason,
 * say no; never a dependency that is down, never an intended pause. A loop that does not turn cannot answer at all.
 */
export function liveness(facts: HealthFacts): HealthReport {
  return reportOf({
    process: stalled(null, facts),
    ...forEachGroup(facts, (status, group) => firstWrong(status.state === 'lost' ? groupReady(status) : well, stalled(group, facts))),
  })
}

const well: HealthCheck = { ok: true }

function wrong(reason: string, message: string, since?: number): HealthCheck {
  return { ok: false, reason, message, ...(since === undefined ? {} : { since: new Date(since).toISOString() }) }
}

function processReady({ phase, quiet }: HealthFacts): HealthCheck {
  if (phase === 'booting') return wrong('booting', 'It waits for brokers and database, or for its groups to join.')
  if (phase === 'stopping') return wrong('stopping', 'It finishes what is in hand and ends.')
  return quiet ? wrong('quiet', 'It takes no new work since it was sent SIGTSTP; SIGCONT lets it go on.') : well
}

function databaseReady({ databaseTrouble, databaseFault }: HealthFacts): HealthCheck {
  if (databaseTrouble !== null) return wrong('database-away', asSentence(databaseTrouble))
  return databaseFault === null ? well : wrong('database-refuses', asSentence(databaseFault))
}

function groupReady({ state, reason }: GroupStatus): HealthCheck {
  switch (state) {
    case 'running':
      return well
    case 'starting':
      return wrong('starting', 'It has no assignment of Kafka yet.')
    case 'waiting':
      return wrong('waiting', asSentence(`It waits and goes on by itself: ${reason ?? 'for a cause that is not known'}`))
    case 'stopped':
      return wrong('stopped', 'It has left its group.')
    case 'refused':
      return wrong('refused', asSentence(reason ?? 'It was stopped until the operator decides'))
    case 'lost':
      return wrong('lost', asSentence(`Its Kafka client cannot recover, restart the process: ${reason ?? 'for a cause that is not known'}`))
  }
}

/** A stop has a deadline of its own, which cuts off what stands still. */
function stalled(group: string | null, { phase, stalls }: HealthFacts): HealthCheck {
  const [first, ...others] = stalls.filter((stall) => stall.group === group).sort((a, b) => a.since - b.since)
  if (first === undefined || phase === 'stopping') return well
  const more = others.length === 0 ? '' : `, and ${others.length} more`
  const message = `The ${first.what}${more} has not moved for ${seconds(first.stillMs)} and waits for nothing known; ${seconds(first.allowedMs)} is the most: restart the process.`
  return wrong('stalled', message, first.since)
}

const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`

function firstWrong(...checks: readonly HealthCheck[]): HealthCheck {
  return checks.find(({ ok }) => !ok) ?? well
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
