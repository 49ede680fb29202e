import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { changed, stepBelow } from '../support/walk.ts'

const text = readFileSync('CONTRIBUTING.md', 'utf8')
const steps = [...text.matchAll(/^### .*$/gm)].map(([heading]) => heading).filter((heading) => heading !== '### What to know')
const headings = [...steps, '## Add a channel']

describe('the walk of CONTRIBUTING.md', () => {
  it('has steps', () => {
    expect(headings.length).toBeGreaterThan(1)
  })

  it.each(headings)('%s begins from the files as they are', (heading) => {
    const { changes } = stepBelow(heading, text)
    const moved = changes.filter((change) => {
      if (change.is === 'text') return existsSync(change.path)
      const before = readFileSync(change.path, 'utf8')
      return changed(before, change) === before
    })
    expect(moved).toEqual([])
  })
})

describe('a hunk', () => {
  it.each([
    ['in no place', 'a\n'],
    ['in two places', 'b\nb\n'],
  ])('is refused %s', (_, before) => {
    const hunks = [{ before: 'b\n', after: 'c\n' }]
    expect(() => changed(before, { path: 'a-file.ts', is: 'hunks', hunks })).toThrow(/^a-file\.ts does not hold exactly once/)
  })
})
