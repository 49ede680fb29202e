import { describe, expect, it } from 'vitest'
import { requireShowable } from '../../../src/admin/showable-text.ts'

describe('owner, reason and note', () => {
  it('are trimmed', () => {
    expect(requireShowable('--owner', ' ops ')).toBe('ops')
  })

  it.each([
    ['ada@example.com', 'give no address'],
    ['', 'one line of 1 to 200 characters'],
    ['a\nb', 'one line'],
    ['x'.repeat(201), '1 to 200'],
    ['a\u001B[2Jb', 'one line'],
  ])('%j is refused', (text, sentence) => {
    expect(() => requireShowable('--owner', text)).toThrow(sentence)
  })
})
