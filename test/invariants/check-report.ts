/** What is checked: whether the history itself is complete, and the invariants. */
export const checkNames = ['history', 'I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I9', 'I10', 'I11', 'I12'] as const
export type CheckName = (typeof checkNames)[number]

export const promises: Readonly<Record<CheckName, string>> = {
  history: 'the history is complete',
  I1: 'nothing acknowledged is lost',
  I2: 'every mail goes out once',
  I3: 'every webhook is delivered under one id with one body',
  I4: 'every database effect happens once',
  I5: 'order is kept',
  I6: 'positions equal a recalculation',
  I7: 'commits never run ahead and never go back',
  I8: 'stops and memory are bounded',
  I9: 'lag returns to 0',
  I10: 'probes and exit codes report the truth',
  I11: 'a fault affects only the groups that depend on what is broken',
  I12: 'no secret is written',
}

export interface CheckResult {
  readonly passed: boolean
  /** How many facts were looked at; 0: there was nothing to check, and the check passes. */
  readonly checked: number
  readonly violations: number
  /** Sentences about the first violations. */
  readonly examples: readonly string[]
}

export interface CheckReport {
  readonly passed: boolean
  readonly scenario: string
  readonly seed: number | null
  readonly checks: Readonly<Record<CheckName, CheckResult>>
  readonly figures: Figures
}

/** Counts of what was observed, among them what is allowed and exempt, by name. */
export type Figures = Readonly<Record<string, number | null>>

/** Most sentences that are kept of a check. */
const MAX_EXAMPLES = 20

/** Collects what is found. */
export interface Findings {
  /** Adds to the number of facts that were looked at. */
  checked(check: CheckName, facts?: number): void
  violated(check: CheckName, sentence: string): void
  count(figure: string, by?: number): void
  set(figure: string, value: number | null): void
  report(of: { scenario: string; seed: number | null }): CheckReport
}

export function createFindings(): Findings {
  const found = new Map(checkNames.map((check) => [check, { checked: 0, violations: 0, examples: [] as string[] }]))
  const figures = new Map<string, number | null>()
  const foundUnder = (check: CheckName) => {
    const result = found.get(check)
    if (result === undefined) throw new Error(`There is no check ${check}.`)
    return result
  }
  const resultOf = (check: CheckName): CheckResult => {
    const { checked, violations, examples } = foundUnder(check)
    return { passed: violations === 0, checked, violations, examples }
  }
  return {
    checked: (check, facts = 1) => void (foundUnder(check).checked += facts),
    violated(check, sentence) {
      const result = foundUnder(check)
      result.violations += 1
      if (result.examples.length < MAX_EXAMPLES) result.examples.push(sentence)
    },
    count: (figure, by = 1) => void figures.set(figure, (figures.get(figure) ?? 0) + by),
    set: (figure, value) => void figures.set(figure, value),
    report: ({ scenario, seed }) => ({
      passed: [...found.values()].every(({ violations }) => violations === 0),
      scenario,
      seed,
      checks: {
        history: resultOf('history'),
        I1: resultOf('I1'),
        I2: resultOf('I2'),
        I3: resultOf('I3'),
        I4: resultOf('I4'),
        I5: resultOf('I5'),
        I6: resultOf('I6'),
        I7: resultOf('I7'),
        I8: resultOf('I8'),
        I9: resultOf('I9'),
        I10: resultOf('I10'),
        I11: resultOf('I11'),
        I12: resultOf('I12'),
      },
      figures: Object.fromEntries(figures),
    }),
  }
}

/** A time in a sentence. */
export function formatTime(at: number): string {
  return Number.isFinite(at) && Math.abs(at) < 8e15 ? new Date(at).toISOString() : 'never'
}

/** The report as text: a line per check, the first violations of each, and the figures. */
export function formatReport({ checks, figures, scenario }: CheckReport): string {
  const lines = checkNames.flatMap((check) => {
    const { passed, checked, violations, examples } = checks[check]
    const result = passed
      ? checked === 0
        ? 'passed    nothing to check'
        : `passed    ${checked} checked`
      : `VIOLATED  ${violations} of ${checked} checked`
    const more = violations > examples.length ? [`    and ${violations - examples.length} more`] : []
    return [`${check.padEnd(8)} ${result}: ${promises[check]}`, ...examples.map((sentence) => `    ${sentence}`), ...more]
  })
  const seen = Object.entries(figures).map(([name, value]) => `${name} ${value ?? '-'}`)
  return [scenario, ...lines, seen.join(', ')].join('\n')
}
