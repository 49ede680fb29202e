import { describe, expect, it } from 'vitest'
import { renderFaults, scenarios } from './faults-paper.ts'

describe('docs/reference/faults.md', () => {
  it('is what the scenarios say of themselves; `npx vitest run --project repo test/repo/faults-paper.test.ts -u` renders it again', async () => {
    expect(scenarios.length).toBeGreaterThan(0)
    await expect(renderFaults()).toMatchFileSnapshot('../../docs/reference/faults.md')
  })

  it('can be made: every scenario has a sentence, and begins with `/** Fault: ... Promise: ... */`', () => {
    const mute = scenarios.filter(({ sentences, fault, promise }) => sentences.length === 0 || fault === '' || promise === '')
    expect(mute.map(({ path }) => path)).toEqual([])
  })

  it('names no placeholder of a table of tests: it stands in brackets, or behind a colon at the end', () => {
    expect(scenarios.flatMap(({ sentences }) => sentences).filter((sentence) => /%[sdifjo]\b|\$\w/.test(sentence))).toEqual([])
  })
})
