import { describe, expect, it } from 'vitest'
import type { HealthCheck, HealthReport } from '../../../src/infra/http/health-server.ts'
import { mergeReports } from '../../../src/supervisor/merge-reports.ts'

const ok: HealthCheck = { ok: true }
const away = (since: string): HealthCheck => ({ ok: false, reason: 'database-away', message: 'The database does not answer.', since })
const report = (checks: Readonly<Record<string, HealthCheck>>): HealthReport => {
  return { ok: Object.values(checks).every((check) => check.ok), checks }
}
const merged = (...reports: readonly HealthReport[]) => mergeReports(new Map(reports.map((one, index) => [String(index + 1), one])))

describe('merged reports', () => {
  it('are well when every process is, with the checks of one daemon', () => {
    const well = report({ process: ok, database: ok })
    expect(merged(well, well)).toEqual(well)
  })

  it('name the process that is not well', () => {
    const failing = { ok: false, reason: 'starting', message: 'Waiting for a partition assignment from Kafka.', since: 't' }
    expect(merged(report({ process: ok, mails: ok }), report({ process: ok, mails: failing }))).toEqual({
      ok: false,
      checks: { process: ok, mails: { ...failing, message: 'Process 2: Waiting for a partition assignment from Kafka.' } },
    })
  })

  it('name all that have the same reason, since the first of them, and prefer what fails to what is noted', () => {
    const note = { ok: true, reason: 'breaker-open', message: 'An endpoint is away.', since: 'a' }
    const found = merged(
      report({ database: note }),
      report({ database: away('c') }),
      report({ database: away('b') }),
      report({ database: { ...away('a'), reason: 'database-refuses' } }),
      report({ database: away('d') }),
    )
    expect(found.checks['database']).toEqual({ ...away('b'), message: 'Processes 2, 3 and 5: The database does not answer.' })
  })

  it('pass notes on that fail nothing', () => {
    const note = { ok: true, reason: 'timeout-greeting', message: 'The relay is away.', since: 'a' }
    expect(merged(report({ process: ok }), report({ process: ok, relay: note }))).toEqual({
      ok: true,
      checks: { process: ok, relay: { ...note, message: 'Process 2: The relay is away.' } },
    })
  })

  it('are not well when a process that has no check says so', () => {
    expect(merged({ ok: false, checks: {} }, report({ process: ok })).ok).toBe(false)
  })
})
