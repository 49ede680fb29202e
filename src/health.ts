import type { GroupStatus } from './worker/group-status.ts'

/** What /livez and /readyz answer from. */
export interface HealthFacts {
  readonly phase: 'booting' | 'running' | 'stopping'
  /** Null while the database answers. */
  readonly databaseTrouble: string | null
  readonly groups: ReadonlyMap<string, GroupStatus>
}

interface Report {
  readonly ok: boolean
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly reason?: string }>>
}

/**
 * Ready: every group has partitions or waits for some, and can accept. A relay that is down is no reason: positions and
 * rewards go on, and mails wait in the database.
 */
export function readiness(facts: HealthFacts): Report {
  const checks: Record<string, { ok: boolean; reason?: string }> = {
    process: check(facts.phase === 'running', facts.phase),
    database: check(facts.databaseTrouble === null, facts.databaseTrouble ?? ''),
  }
  for (const [group, status] of facts.groups) checks[group] = check(status.state === 'running', status.reason ?? status.state)
  return { ok: Object.values(checks).every((one) => one.ok), checks }
}

/** Alive: a restart would not help. Only a group that has ended by itself for lack of its client says no. */
export function liveness(facts: HealthFacts): Report {
  const checks: Record<string, { ok: boolean; reason?: string }> = { process: { ok: true } }
  for (const [group, status] of facts.groups) checks[group] = check(status.state !== 'lost', status.reason ?? status.state)
  return { ok: Object.values(checks).every((one) => one.ok), checks }
}

function check(ok: boolean, reason: string): { ok: boolean; reason?: string } {
  return ok ? { ok } : { ok, reason }
}
