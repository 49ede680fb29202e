/** What of vitest's JSON report is read. */
export interface Report {
  readonly testResults: readonly {
    readonly message?: string
    readonly assertionResults: readonly {
      readonly title: string
      readonly status: string
      readonly failureMessages?: readonly string[] | null
    }[]
  }[]
}

/**
 * How a scenario ended. `assertion`: something was not as it expects; `deadline`: something that was promised in time did not
 * come. `broken` is neither: it did not run, could not start what it needs, or was cut off, which shows nothing of the program.
 */
export interface Verdict {
  readonly is: 'green' | 'assertion' | 'deadline' | 'broken'
  /** The first line of the failure; empty when green. */
  readonly reason: string
}

/** Judges the one test of that title. */
export function verdictOf(report: Report, title: string): Verdict {
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults).filter((result) => result.title === title)
  const [result] = results
  if (result === undefined || results.length > 1) {
    const why = report.testResults.map(({ message }) => message ?? '').find((message) => message !== '')
    return { is: 'broken', reason: `${results.length} tests of this name ran${why === undefined ? '' : `: ${firstLine(why)}`}` }
  }
  if (result.status === 'passed') return { is: 'green', reason: '' }
  if (result.status !== 'failed') return { is: 'broken', reason: `the test is ${result.status}` }
  const reason = firstLine(result.failureMessages?.[0] ?? 'no reason was given')
  return { is: kindOf(reason), reason }
}

/** An assertion of vitest, or the sentence of `eventually`, but for that of a daemon that never became ready. */
function kindOf(reason: string): Verdict['is'] {
  if (reason.startsWith('AssertionError: ')) return 'assertion'
  return /^Error: (?!the daemon is ready).+: not within \d+ ms; last seen: /.test(reason) ? 'deadline' : 'broken'
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
