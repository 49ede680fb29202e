/** The part of vitest's JSON report that is read. */
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
 * The result of a scenario. `assertion`: an expectation failed; `deadline`: something that was promised in time did not happen;
 * `history`: the checker found a violation in the recorded history. `broken`: the scenario did not run, could not start what it
 * needs, or was cut off, which shows nothing about the program.
 */
export interface ScenarioResult {
  readonly is: 'green' | 'assertion' | 'deadline' | 'history' | 'broken'
  /** The first line of the failure, and of a history the first violation; empty when green. */
  readonly reason: string
}

/** The result of the test with this title. */
export function scenarioResultOf(report: Report, title: string): ScenarioResult {
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

/**
 * Distinguishes an assertion of vitest from a deadline of `eventually` (other than a daemon that never became ready) and from a failed
 * history.
 */
function kindOf(reason: string): ScenarioResult['is'] {
  if (reason.startsWith('AssertionError: ')) return 'assertion'
  if (reason === BROKEN_HISTORY) return 'history'
  return /^Error: (?!the daemon is ready).+: not within \d+ ms; last seen: /.test(reason) ? 'deadline' : 'broken'
}

/** The checker's sentences are indented below their invariant. */
function historyOf(message: string): string {
  const sentence = /^\w+ +VIOLATED .*\n {4}(.+)$/m.exec(message)?.[1]
  return sentence === undefined ? BROKEN_HISTORY : `${BROKEN_HISTORY} ${sentence}`
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
