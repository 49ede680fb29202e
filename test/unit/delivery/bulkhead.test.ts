import { expect, it } from 'vitest'
import { mostPerChannel } from '../../../src/delivery/bulkhead.ts'

it.each([
  [10, 0, Infinity],
  [10, 1, Infinity],
  [10, 2, 8],
  [10, 3, 8],
  [4, 2, 3],
  [3, 2, 3],
  [1, 2, 1],
])('of %i workers, a group that sends by %i channels gives one of them %d at most', (workers, sending, most) => {
  expect(mostPerChannel(workers, sending)).toBe(most)
})
