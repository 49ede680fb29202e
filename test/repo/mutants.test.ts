import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { mutants } from '../mutants/mutants.ts'
import { files } from './source-files.ts'

describe('mutants', () => {
  it('have names of their own', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  })

  it.each(mutants)('"$name" fits the program: each text stands exactly once in its file, and becomes another', ({ edits }) => {
    expect(edits.length).toBeGreaterThan(0)
    for (const { file, text, becomes } of edits) {
      expect([file, readFileSync(file, 'utf8').split(text).length - 1]).toEqual([file, 1])
      expect(becomes).not.toBe(text)
      // Copies share one database template: a broken migration would reach the others.
      expect(file).not.toContain('/migrations/')
    }
  })

  it.each(mutants)('"$name" has its scenario, by its name', ({ scenario }) => {
    expect(files).toContain(scenario.file)
    expect(scenario.file.startsWith(`test/${scenario.project}/`)).toBe(true)
    expect(readFileSync(scenario.file, 'utf8').split(`('${scenario.test}'`)).toHaveLength(2)
  })
})
