import { describe, expect, it } from 'vitest'
import { summaryOf } from '../../support/run-summary.ts'

const all = [
  'test/unit/a.test.ts',
  'test/unit/b.test.ts',
  'test/e2e/c.test.ts',
  'test/faults/kafka/d.test.ts',
  'test/long/e.test.ts',
  'test/browser/f.test.ts',
]

describe('the summary of a run', () => {
  it('counts what ran, and names for the rest the command that runs it', () => {
    const ran = new Map([
      ['test/unit/a.test.ts', 3],
      ['test/unit/b.test.ts', 4],
    ])
    expect(summaryOf(ran, all)).toEqual([
      'Run:      unit 7 tests in 2 files',
      'Not run:  1 files: npm run test:all',
      'Not run:  1 scenarios that break servers and processes: npm run test:faults',
      'Not run:  1 long runs: npm run test:long',
      'Not run:  1 in a real browser: npm run test:browser',
      'Not run:  broken copies of the program, and random faults: npm run test:mutants, npm run chaos',
      '',
    ])
  })

  it('does not send anybody to what has run', () => {
    const ran = new Map(all.slice(0, 3).map((path) => [path, 1]))
    expect(summaryOf(ran, all).join('\n')).not.toContain('test:all')
    expect(summaryOf(ran, all)[0]).toBe('Run:      unit 2 tests in 2 files, e2e 1 tests in 1 file')
  })
})
