import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nestsDeeperThan } from '../../../src/events/depth.ts'

const deeper = (json: string, limit: number) => nestsDeeperThan(Buffer.from(json), limit)

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

describe('depth', () => {
  it.each([
    ['[[]]', 2, false],
    ['[[[]]]', 2, true],
    ['{"a":{"b":[]}}', 2, true],
    ['[],[],[]', 1, false],
    ['"[[[["', 1, false],
    ['["\\"[[[["]', 1, false],
    ['["\\\\",[]]', 1, true],
    ['', 0, false],
    [']]]][[[', 3, false],
  ])('of %s beyond %i: %s', (json, limit, answer) => {
    expect(deeper(json, limit)).toBe(answer)
  })

  it('equals the depth of the value, for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const wrapped = [value]
        const depth = depthOf(wrapped)
        expect(deeper(JSON.stringify(wrapped), depth)).toBe(false)
        expect(deeper(JSON.stringify(wrapped), depth - 1)).toBe(true)
      }),
    )
  })

  it('stops early on ten megabytes of brackets', () => {
    expect(nestsDeeperThan(Buffer.alloc(10_000_000, '['), 32)).toBe(true)
  })
})
