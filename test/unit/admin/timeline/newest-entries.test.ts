import { expect, it } from 'vitest'
import { newestEntries } from '../../../../src/admin/timeline/newest-entries.ts'
import type { TimelineEntry } from '../../../../src/admin/timeline/timeline-entries.ts'

const entry = (what: TimelineEntry['what'], n: number): TimelineEntry => ({
  at: new Date(n),
  what,
  state: null,
  reason: null,
  id: String(n),
  text: '',
})
/** An intent, then so many movements, again and again. */
const board = (intents: number, movements: number) =>
  Array.from({ length: intents * (movements + 1) }, (_, n) => entry(n % (movements + 1) === 0 ? 'intent' : 'position', n))
const idsOf = (entries: readonly TimelineEntry[], what: TimelineEntry['what']) =>
  entries.filter((one) => one.what === what).map(({ id }) => Number(id))

it('shows everything that fits, and the newest lines of what does not', () => {
  const few = board(2, 1)
  expect(newestEntries(few, 4)).toBe(few)
  expect(
    newestEntries(
      [1, 2, 3].map((n) => entry('mail', n)),
      2,
    ).map(({ id }) => id),
  ).toEqual(['2', '3'])
  expect(
    newestEntries(
      [1, 2, 3].map((n) => entry('position', n)),
      1,
    ).map(({ id }) => id),
  ).toEqual(['3'])
})

it('leaves no intent out for a movement, and shows the newest movements in the lines that are left', () => {
  const shown = newestEntries(board(4, 50), 20)
  expect(idsOf(shown, 'intent')).toEqual([0, 51, 102, 153])
  expect(idsOf(shown, 'position')).toEqual(Array.from({ length: 16 }, (_, n) => 188 + n))
  expect(shown.at(-1)?.id).toBe('203')
})

it('keeps a fifth of the lines for movements beside more intents than fit', () => {
  const shown = newestEntries(board(50, 1), 10)
  expect(idsOf(shown, 'position')).toEqual([97, 99])
  expect(idsOf(shown, 'intent')).toEqual([84, 86, 88, 90, 92, 94, 96, 98])
})
