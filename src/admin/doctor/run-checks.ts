import type { Clock } from '../../std/clock.ts'
import { messageOf, OperatorError } from '../../std/failure.ts'
import { verdictOf, type Check, type CheckName, type CheckResult, type Seen } from './check.ts'
import { findingOf } from './way-out.ts'

/** How long one check may take; milliseconds. Longer than the slowest timeout of a client, so that its own sentence comes first. */
export const CHECK_DEADLINE_MS = 10_000

export interface RunSettings {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly deadlineMs?: number
  /** The sentence of an error that is not an `OperatorError`; null: it has none, and its message is shown. */
  readonly sentenceOf?: (error: unknown) => string | null
  /** Called with each result as it is known. */
  readonly onResult?: (result: CheckResult) => void
}

/**
 * Runs the checks one after the other. One that needs a check that failed, or was skipped, is skipped and names the check that failed; the others go on. A check that has no answer
 * in time has failed, and says how long it waited. Never rejects, and always ends: within the deadline for each check.
 */
export async function runChecks(checks: readonly Check[], settings: RunSettings): Promise<readonly CheckResult[]> {
  const results = new Map<CheckName, CheckResult>()
  for (const check of checks) {
    const cause = causeOf(check, results)
    const result = cause === null ? await runOne(check, settings) : skipped(check, cause)
    results.set(check.name, result)
    settings.onResult?.(result)
  }
  return [...results.values()]
}

/** Those of the checks that are named, and all that they need, in the order of the list. */
export function chosenChecks(checks: readonly Check[], only: readonly CheckName[] | undefined): readonly Check[] {
  if (only === undefined) return checks
  const wanted = new Set<CheckName>(only)
  for (const check of checks.toReversed()) {
    if (wanted.has(check.name)) for (const needed of check.needs) wanted.add(needed)
  }
  return checks.filter(({ name }) => wanted.has(name))
}

/** The first check, in their order, that failed; null when none did. */
export function stoppedAt(results: readonly CheckResult[]): CheckResult | null {
  return results.find(({ is }) => is === 'failed') ?? null
}

function causeOf({ needs }: Check, results: ReadonlyMap<CheckName, CheckResult>): CheckName | null {
  for (const name of needs) {
    const result = results.get(name)
    if (result?.is === 'failed') return name
    if (result?.is === 'skipped') return result.because
  }
  return null
}

function skipped({ name }: Check, because: CheckName): CheckResult {
  return { name, is: 'skipped', sentence: `Not tried, because ${because} failed.`, findings: [], because }
}

async function runOne(check: Check, settings: RunSettings): Promise<CheckResult> {
  const { clock, deadlineMs = CHECK_DEADLINE_MS } = settings
  const startedAt = clock.monotonic()
  const over = new AbortController()
  const looked = check.look(over.signal).catch((error: unknown): Seen => failed(error, settings))
  const late = clock.sleep(deadlineMs, over.signal).then((): Seen => {
    const waited = Math.round((clock.monotonic() - startedAt) / 100) / 10
    return seenFailure(
      `${check.of} did not answer within ${deadlineMs / 1_000} s (waited ${waited} s): check the network, and the health of ${check.of}.`,
    )
  })
  const seen = await Promise.race([looked, late])
  over.abort()
  // The worst first: the way out of the first finding is the last line of the command.
  const findings = seen.findings.toSorted((a, b) => Number(a.is === 'warning') - Number(b.is === 'warning'))
  return { name: check.name, is: verdictOf(findings), sentence: seen.sentence, findings, because: null }
}

function failed(error: unknown, { sentenceOf }: RunSettings): Seen {
  if (error instanceof OperatorError) return seenFailure(error.message)
  return seenFailure(sentenceOf?.(error) ?? `The check itself failed (${messageOf(error)}): run it again, and report it if it fails again`)
}

function seenFailure(text: string): Seen {
  const finding = findingOf(text)
  return { sentence: finding.sentence, findings: [finding] }
}
