import type { HealthCheck, HealthReport } from '../infra/http/health-server.ts'

/**
 * The reports of all processes as one of the same shape: a check is well when it is well in every process. A failure or note is
 * that of the first process, with the names of all that report the same reason.
 *
 * @param reports by the name of the process
 */
export function mergeReports(reports: ReadonlyMap<string, HealthReport>): HealthReport {
  const names = new Set([...reports.values()].flatMap(({ checks }) => Object.keys(checks)))
  const checks = [...names].map((name): readonly [string, HealthCheck] => {
    const found = [...reports].flatMap(([process, report]) => {
      const check = report.checks[name]
      return check === undefined ? [] : [{ process, check }]
    })
    return [name, mergeChecks(found)]
  })
  return { ok: [...reports.values()].every(({ ok }) => ok), checks: Object.fromEntries(checks) }
}

function mergeChecks(found: readonly { readonly process: string; readonly check: HealthCheck }[]): HealthCheck {
  const shown = (found.find(({ check }) => !check.ok) ?? found.find(({ check }) => check.reason !== undefined))?.check
  if (shown === undefined) return { ok: true }
  const same = found.filter(({ check }) => check.ok === shown.ok && check.reason === shown.reason)
  const since = same.flatMap((one) => one.check.since ?? []).toSorted()[0]
  const where = same.map(({ process }) => process)
  const last = where.at(-1)
  const subject = where.length === 1 ? `Process ${last}` : `Processes ${where.slice(0, -1).join(', ')} and ${last}`
  return { ...shown, message: `${subject}: ${shown.message ?? 'unknown cause'}`, ...(since === undefined ? {} : { since }) }
}
