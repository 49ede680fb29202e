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
 * come; `history`: the checker read what had happened and found a promise broken. `broken` is none of them: it did not run, could not start what it needs, or was cut off, which shows nothing of the program.
 */
export interface Verdict {
  readonly is: 'green' | 'assertion' | 'deadline' | 'history' | 'broken'
  /** The first line of the failure, and of a history the first sentence that the checker says of it; empty when green. */
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
  const message = result.failureMessages?.[0] ?? 'no reason was given'
  const is = kindOf(firstLine(message))
  return { is, reason: is === 'history' ? historyOf(message) : firstLine(message) }
}

const BROKEN_HISTORY = 'Error: The history does not hold.'

/** An assertion of vitest, the sentence of `eventually`, but for that of a daemon that never became ready, or that of a fault scene's verdict. */
function kindOf(reason: string): Verdict['is'] {
  if (reason.startsWith('AssertionError: ')) return 'assertion'
  if (reason === BROKEN_HISTORY) return 'history'
  return /^Error: (?!the daemon is ready).+: not within \d+ ms; last seen: /.test(reason) ? 'deadline' : 'broken'
}

/** The checker's sentences are indented under the invariant that they tell of. */
function historyOf(message: string): string {
  const sentence = /^\w+ +VIOLATED .*\n {4}(.+)$/m.exec(message)?.[1]
  return sentence === undefined ? BROKEN_HISTORY : `${BROKEN_HISTORY} ${sentence}`
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
