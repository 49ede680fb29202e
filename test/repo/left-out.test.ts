import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { heartOf, leftOut } from '../left-out.ts'
import { mutants } from '../mutants/mutants.ts'
import { files, markedPart, tableRows } from './source-files.ts'

/** The tests of `npm test`. */
const inShort = new Set(
  files.filter((path) => /^test\/(?:unit|repo|contract|integration|e2e)\/.*\.test\.ts$/.test(path) && leftOut[path] === undefined),
)

/** It is in `npm test`, or others there hold the heart of its promise. */
const isHeld = (test: string) => inShort.has(test) || (leftOut[test] ?? heartOf[test] ?? []).some((other) => inShort.has(other))

const listed = Object.entries({ ...leftOut, ...heartOf })

describe('what npm test leaves out', () => {
  it('exists, and what stands for it is in npm test', () => {
    expect(listed.map(([path]) => path).filter((path) => !files.includes(path))).toEqual([])
    expect(listed.flatMap(([, others]) => others).filter((path) => !inShort.has(path))).toEqual([])
  })

  it('has something that stands for it, unless it tests a tool of the tests', () => {
    const alone = listed.filter(([, others]) => others.length === 0).map(([path]) => path)
    expect(alone.filter((path) => !/^test\/integration\/(?:faults|stack)\//.test(path))).toEqual([])
  })

  it('is what test:all adds, or what test:faults and test:long run', () => {
    expect(Object.keys(leftOut).filter((path) => !/^test\/(?:contract|integration|e2e)\//.test(path))).toEqual([])
    expect(Object.keys(heartOf).filter((path) => !/^test\/(?:faults|long)\//.test(path))).toEqual([])
  })
})

describe('npm test', () => {
  it('has a test of every guarantee', () => {
    const papers = files.filter((path) => path.endsWith('.md') && readFileSync(path, 'utf8').includes('<!-- guarantees -->'))
    const rows = papers.flatMap((path) => tableRows(markedPart(path, 'guarantees')))
    expect(rows.length).toBeGreaterThan(50)
    const bare = rows.filter((row) => !testsIn(row.join(' ')).some(isHeld))
    expect(bare.map(([guarantee]) => guarantee)).toEqual([])
  })

  it('has a test of every promise that a mutant breaks', () => {
    expect(mutants.filter(({ scenario }) => !isHeld(scenario.file)).map(({ name }) => name)).toEqual([])
  })
})

function testsIn(markdown: string): readonly string[] {
  return [...markdown.matchAll(/\]\((?:\.\.\/)*(test\/[^)]*\.test\.ts)\)/g)].map(([, path = '']) => path)
}
