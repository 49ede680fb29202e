import { describe, expect, it } from 'vitest'
import { createFindings, formatReport } from '../../invariants/check-report.ts'
import { scenarioResultOf } from '../../mutants/scenario-result.ts'

const title = 'a scenario'
const failed = (message: string) => ({ testResults: [{ assertionResults: [{ title, status: 'failed', failureMessages: [message] }] }] })

describe('scenarioResultOf', () => {
  it.each([
    ['assertion', 'AssertionError: expected 14n to be +0n // Object.is equality\n    at test.ts:37:32'],
    ['deadline', 'Error: everything is done: not within 20000 ms; last seen: 1 dirty positions\n    at eventually'],
    ['broken', 'Error: the daemon is ready: not within 60000 ms; last seen: the daemon ended with 1: {"msg":"x"}'],
    ['broken', 'Error: Test timed out in 300000ms.'],
    ['broken', 'Error: Hook timed out in 300000ms.'],
    ['broken', 'SqlError: syntax error at or near "SELECT"'],
    ['broken', 'ReferenceError: started is not defined'],
  ])('is `%s`: %s', (is, message) => {
    expect(scenarioResultOf(failed(message), title)).toEqual({ is, reason: message.split('\n')[0] })
  })

  it('is `history` when the checker found a violation, with the first sentence', () => {
    const findings = createFindings()
    findings.checked('I2', 3)
    findings.violated('I2', 'A mail went out twice.')
    findings.violated('I7', 'A commit went back.')
    const words = formatReport(findings.report({ scenario: title, seed: 1 }))
    expect(scenarioResultOf(failed(`Error: The history does not hold.\n${words}\n    at test.ts:37:32`), title)).toEqual({
      is: 'history',
      reason: 'Error: The history does not hold. A mail went out twice.',
    })
    // Without a complete history nothing is known of the program.
    expect(scenarioResultOf(failed('Error: The history cannot be checked (exit code 2).\n'), title).is).toBe('broken')
  })

  it('is `green` for a passed test, and `broken` for a skipped one', () => {
    const ended = (status: string) => ({ testResults: [{ assertionResults: [{ title, status }] }] })
    expect(scenarioResultOf(ended('passed'), title).is).toBe('green')
    expect(scenarioResultOf(ended('skipped'), title).is).toBe('broken')
  })

  it('is `broken` for a file that could not be loaded, with the message', () => {
    const report = { testResults: [{ message: 'Transform failed\nat 3:1', assertionResults: [] }] }
    expect(scenarioResultOf(report, title)).toEqual({ is: 'broken', reason: '0 tests of this name ran: Transform failed' })
  })

  it('ignores other tests, and is `broken` for two tests with the title', () => {
    const report = {
      testResults: [
        {
          assertionResults: [
            { title, status: 'passed' },
            { title: 'another', status: 'failed' },
          ],
        },
      ],
    }
    expect(scenarioResultOf(report, title).is).toBe('green')
    expect(scenarioResultOf({ testResults: [...report.testResults, ...report.testResults] }, title).is).toBe('broken')
  })
})
