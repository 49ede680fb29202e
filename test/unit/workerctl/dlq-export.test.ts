import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runSentence } from '../../../cmd/workerctl/dlq-export.ts'

const root = join(import.meta.dirname, '../../..')

it.each(['test/unit', 'test/unit/dead-letters', 'test/unit/..dead-letters'])('a test that is exported to %s can be run there', (out) => {
  expect(runSentence(join(root, out), 'one.test.ts')).toBe('Run the test: npx vitest run one.test.ts')
})

it.each(['.', 'test', 'test/units', '../letters'])('a test that is exported to %s is said to belong below test/unit', (out) => {
  expect(runSentence(join(root, out), 'one.test.ts')).toBe(
    'The test belongs below test/unit of this program: export it with --out test/unit/dead-letters to run it with vitest.',
  )
})
