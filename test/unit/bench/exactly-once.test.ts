import { describe, expect, it } from 'vitest'
import { notExactlyOnce } from '../../../bench/workers/exactly-once.ts'

describe('notExactlyOnce', () => {
  it('finds nothing wrong where every number came once, in whatever order', () => {
    expect(notExactlyOnce('mails', { numbers: [2, 0, 1] }, 3)).toBeNull()
    expect(notExactlyOnce('webhooks', { numbers: [] }, 0)).toBeNull()
  })

  it.each([
    [[0, 2], 'Of 3 mails 1 are missing, 0 came more than once, and 0 others came.'],
    [[0, 1, 2, 2, 2], 'Of 3 mails 0 are missing, 1 came more than once, and 0 others came.'],
    [[0, 1, 2, 3, -1, -1], 'Of 3 mails 0 are missing, 0 came more than once, and 3 others came.'],
    // As many as expected, and still wrong.
    [[0, 1, 1], 'Of 3 mails 1 are missing, 1 came more than once, and 0 others came.'],
  ])('of %j says what is wrong', (numbers, sentence) => {
    expect(notExactlyOnce('mails', { numbers }, 3)).toBe(sentence)
  })
})
