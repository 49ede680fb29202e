import { assert, json, property, stringMatching } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExactJson } from '../../../src/std/exact-json.ts'

describe('parseExactJson', () => {
  it('keeps every number as written', () => {
    const number = stringMatching(/^-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,4})?$/)
    assert(
      property(number, (text) => {
        expect(JSON.stringify({ a: [parseExactJson(text)] })).toBe(`{"a":[${text}]}`)
      }),
    )
  })

  it('reads other values and ordinary numbers as JSON.parse does', () => {
    assert(
      property(json(), (text) => {
        expect(JSON.stringify(parseExactJson(text))).toBe(JSON.stringify(JSON.parse(text)))
      }),
    )
    expect(parseExactJson('{"__proto__": 1, "a": [10, -2.5, null, true, "10.00"]}')).toEqual(
      JSON.parse('{"__proto__": 1, "a": [10, -2.5, null, true, "10.00"]}'),
    )
  })
})
