import { describe, expect, it } from 'vitest'
import { createFindings, formatReport } from '../../invariants/check-report.ts'
import { verdictOf } from '../../mutants/verdict.ts'

const title = 'a scenario'
const failed = (message: string) => ({ testResults: [{ assertionResults: [{ title, status: 'failed', failureMessages: [message] }] }] })

describe('verdictOf', () => {
  it.each([
    ['assertion', 'AssertionError: expected 14n to be +0n // Object.is equality\n    at test.ts:37:32'],
    ['deadline', 'Error: everything is done: not within 20000 ms; last seen: 1 dirty positions\n    at eventually'],
    ['broken', 'Error: the daemon is ready: not within 60000 ms; last seen: the daemon ended with 1: {"msg":"x"}'],
    ['broken', 'Error: Test timed out in 300000ms.'],
    ['broken', 'Error: Hook timed out in 300000ms.'],
    ['broken', 'SqlError: syntax error at or near "SELECT"'],
    ['broken', 'ReferenceError: started is not defined'],
  ])('calls it %s: %s', (is, message) => {
    expect(verdictOf(failed(message), title)).toEqual({ is, reason: message.split('\n')[0] })
  })

  it('calls a history that the checker does not let pass by its name, with the first sentence that says why', () => {
    const findings = createFindings()
    findings.checked('I2', 3)
    findings.violated('I2', 'A mail went out twice.')
    findings.violated('I7', 'A commit went back.')
    const words = formatReport(findings.report({ scenario: title, seed: 1 }))
    expect(verdictOf(failed(`Error: The history does not hold.\n${words}\n    at test.ts:37:32`), title)).toEqual({
      is: 'history',
      reason: 'Error: The history does not hold. A mail went out twice.',
    })
    // No history, no verdict: nothing is known of the program.
    expect(verdictOf(failed('Error: The history cannot be judged (checker: 2).\n'), title).is).toBe('broken')
  })

  it('calls a test that passed green, and one that was passed over broken', () => {
    const ended = (status: string) => ({ testResults: [{ assertionResults: [{ title, status }] }] })
    expect(verdictOf(ended('passed'), title).is).toBe('green')
    expect(verdictOf(ended('skipped'), title).is).toBe('broken')
  })

  it('calls a file that could not be loaded broken, with what was said of it', () => {
    const report = { testResults: [{ message: 'Transform failed\nat 3:1', assertionResults: [] }] }
    expect(verdictOf(report, title)).toEqual({ is: 'broken', reason: '0 tests of this name ran: Transform failed' })
  })

  it('judges no other test, and no two of one name', () => {
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
    expect(verdictOf(report, title).is).toBe('green')
    expect(verdictOf({ testResults: [...report.testResults, ...report.testResults] }, title).is).toBe('broken')
  })
})
