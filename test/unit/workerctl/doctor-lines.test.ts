import { expect, it } from 'vitest'
import { linesOf } from '../../../cmd/workerctl/doctor.ts'
import type { CheckResult } from '../../../src/admin/doctor/check.ts'

const pipe = { isTerminal: false, environment: {} }
const shown = (is: 'failed' | 'warning', sentence: string) => {
  const finding = { is, sentence: 'b:2 is broken.', fix: 'repair it' }
  const result: CheckResult = { name: 'tls', is, sentence, findings: [finding], because: null }
  return linesOf(result, pipe).map((line) => line.trim().replace(/ {2,}/g, ' '))
}

it('a check that failed begins with what is wrong, and what is well comes after it', () => {
  expect(shown('failed', 'a:1 is well.')).toEqual(['failed tls b:2 is broken.', '-> repair it', 'a:1 is well.'])
})

it('a check that warns begins with what is well', () => {
  expect(shown('warning', 'a:1 is well.')).toEqual(['warning tls a:1 is well.', 'b:2 is broken.', '-> repair it'])
})

it('a sentence that is a finding is printed once', () => {
  expect(shown('failed', 'b:2 is broken.')).toEqual(['failed tls b:2 is broken.', '-> repair it'])
})
