/** The checks in their order. */
export const checkNames = [
  'configuration',
  'broker',
  'tls',
  'login',
  'topics',
  'partitions',
  'acls',
  'groups',
  'dead-letters',
  'registry',
  'database',
  'migrations',
  'rights',
  'indexes',
  'clock',
  'smtp',
  'webhooks',
] as const

export type CheckName = (typeof checkNames)[number]

/** `skipped`: not tried, because a check that it needs has failed. */
export type Verdict = 'ok' | 'warning' | 'failed' | 'skipped'

/** Something that is wrong, and the way out: a command, a statement or a variable. */
export interface Finding {
  readonly is: 'warning' | 'failed'
  readonly sentence: string
  readonly fix: string
}

/** What a check has seen: one sentence about what is well, or was tried, and everything that is wrong. */
export interface Seen {
  readonly sentence: string
  readonly findings: readonly Finding[]
}

export interface CheckResult {
  readonly name: CheckName
  readonly is: Verdict
  readonly sentence: string
  readonly findings: readonly Finding[]
  /** The failed check for which this one was skipped; null otherwise. */
  readonly because: CheckName | null
}

/** One check. `look` may throw: an `OperatorError` is a finding with its own way out. */
export interface Check {
  readonly name: CheckName
  /** Checks that must not have failed, the first that has is named. */
  readonly needs: readonly CheckName[]
  /** What is checked, for the sentence when there is no answer: "the broker". */
  readonly of: string
  look(signal: AbortSignal): Promise<Seen>
}

/** The worst of the findings; `ok` without one. */
export function verdictOf(findings: readonly Pick<Finding, 'is'>[]): 'ok' | 'warning' | 'failed' {
  if (findings.some(({ is }) => is === 'failed')) return 'failed'
  return findings.length === 0 ? 'ok' : 'warning'
}
