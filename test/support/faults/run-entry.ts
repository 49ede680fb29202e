import { execFileSync } from 'node:child_process'
import { variables as known } from '../../../config/variables.ts'
import type { Scenario } from '../../../cmd/demo/scenario.ts'
import type { Run } from '../../invariants/history.ts'

type Known = 'SHUTDOWN_GRACE_MS' | 'POSITION_MAIL_MAX_WAIT_MS' | 'EVENT_MAX_BYTES' | 'MAIL_MAX_EVENT_AGE_SECONDS'

/** The first line of a history: the settings of the daemons, which the checker holds them to. */
export function runEntry(
  run: Pick<Run, 'scenario' | 'seed' | 'topic' | 'groups' | 'markers'> & Partial<Pick<Run, 'recoveryMs' | 'memoryLimitMb' | 'drains'>>,
  variables: Readonly<Record<string, string>>,
): Run {
  const valueOf = (name: Known) => Number(variables[name] ?? known[name].default)
  return {
    is: 'run',
    at: Date.now(),
    commit: commitHere(),
    ambiguous: variables['MAIL_AMBIGUOUS'] === 'hold' ? 'hold' : 'retry',
    graceMs: valueOf('SHUTDOWN_GRACE_MS'),
    positionMailMaxWaitMs: valueOf('POSITION_MAIL_MAX_WAIT_MS'),
    maxEventBytes: valueOf('EVENT_MAX_BYTES'),
    mailMaxEventAgeMs: valueOf('MAIL_MAX_EVENT_AGE_SECONDS') * 1_000,
    // Longer than the longest lease, that of a page of a broadcast, for which work waits that was under way when its process or transaction
    // ended; and than several requests, one after the other, on connections that were cut unnoticed: each waits for its timeout of 30 s.
    recoveryMs: 300_000,
    memoryLimitMb: 600,
    drains: true,
    ...run,
  }
}

/** What the demo's world holds that may stand in no log, metric or header: addresses, tokens, secrets of endpoints and servers. */
export function markersOf(settings: readonly Scenario['seedData'][], secrets: readonly string[], urls: readonly string[]): string[] {
  const slugs = settings.flatMap(({ campaigns }) => campaigns.map(({ slug }) => slug))
  const passwords = urls.map((url) => decodeURIComponent(new URL(url).password)).filter(Boolean)
  return ['guest@example.org', ...slugs.flatMap((slug) => [`@${slug}.`, `token-${slug}`]), ...secrets, ...passwords]
}

/** Null outside a clone. */
function commitHere(): string | null {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return null
  }
}
