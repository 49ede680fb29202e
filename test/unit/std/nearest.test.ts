import { expect, it } from 'vitest'
import { nearest } from '../../../src/std/nearest.ts'

it.each([
  ['no-endpiont', ['no-event', 'no-endpoint'], 'no-endpoint'],
  ['DEAD', ['dead', 'held'], 'dead'],
  ['hold', ['dead', 'held'], 'held'],
  ['', ['ok'], 'ok'],
  ['stal', ['stale', 'stall'], 'stale'],
  ['whatever', ['dead', 'held'], null],
  ['dead', [], null],
])('the nearest of "%s" among %j is %s', (word, candidates, found) => {
  expect(nearest(word, candidates)).toBe(found)
})
