import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { changed, stepBelow, type Change } from '../support/walk.ts'

const text = readFileSync('CONTRIBUTING.md', 'utf8')
const steps = [...text.matchAll(/^### .*$/gm)].map(([heading]) => heading).filter((heading) => heading !== '### What to know')
const headings = [...steps, '## Add a channel']

describe('the walk of CONTRIBUTING.md', () => {
  it('has steps', () => {
    expect(headings.length).toBeGreaterThan(1)
  })

  it.each(headings)('%s begins from the files as they are, or was done', (heading) => {
    const { changes } = stepBelow(heading, text)
    const moved = changes.every(isDone) ? [] : changes.filter((change) => !canBeMade(change))
    expect(moved).toEqual([])
  })
})

function textOf(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}

/** A file that was created may have changed since. */
function isDone(change: Change): boolean {
  const now = textOf(change.path)
  return now !== null && (change.is === 'text' || change.hunks.every(({ after }) => now.includes(after)))
}

function canBeMade(change: Change): boolean {
  const now = textOf(change.path)
  return change.is === 'text' ? now === null : changed(now ?? '', change) !== now
}

describe('a hunk', () => {
  it.each([
    ['in no place', 'a\n'],
    ['in two places', 'b\nb\n'],
  ])('is refused %s', (_, before) => {
    const hunks = [{ before: 'b\n', after: 'c\n' }]
    expect(() => changed(before, { path: 'a-file.ts', is: 'hunks', hunks })).toThrow(/^a-file\.ts does not hold exactly once/)
  })
})
