import { describe, expect, it } from 'vitest'
import { fieldRows } from '../../../cmd/docs/field-rows.ts'

const only = (field: object) => fieldRows({ type: 'object', properties: { field } })[0]

describe('the fields of a schema', () => {
  it('are those of what is inside, too', () => {
    const line = { type: 'object', required: ['price'], properties: { price: { type: 'number' }, note: { type: 'string' } } }
    const address = { type: 'object', properties: { city: { type: 'string', description: 'Where.' } } }
    const either = { anyOf: [{ type: 'object', properties: { one: { type: 'integer' } } }, { type: 'null' }] }
    const rows = fieldRows({ type: 'object', required: ['lines'], properties: { lines: { type: 'array', items: line }, address, either } })
    expect(rows.map(({ path, type, isRequired }) => `${path}: ${type}${isRequired ? '' : '?'}`)).toEqual([
      'lines: list of object',
      'lines[].price: number',
      'lines[].note: string?',
      'address: object?',
      'address.city: string?',
      'either: object or null?',
      'either.one: integer?',
    ])
    expect(rows.map(({ description }) => description).filter((text) => text !== null)).toEqual(['Where.'])
  })

  it.each<[object, string, readonly string[]]>([
    [{ type: 'string', format: 'uuid' }, 'uuid', []],
    [{ type: 'string', minLength: 1, maxLength: 1_000 }, 'string', ['1 to 1,000 characters']],
    [{ type: 'string', minLength: 1 }, 'string', ['at least 1 character']],
    [{ type: 'string', maxLength: 20, pattern: '^a' }, 'string', ['at most 20 characters', 'matches `^a`']],
    [{ type: 'string', minLength: 2, maxLength: 2 }, 'string', ['2 characters']],
    [{ type: ['string', 'null'] }, 'string or null', []],
    [{ type: 'integer', minimum: 0, exclusiveMaximum: 10_000 }, 'integer', ['at least 0', 'below 10,000']],
    [{ type: 'number', exclusiveMinimum: 0.5, maximum: 1 }, 'number', ['above 0.5', 'at most 1']],
    [{ enum: ['a', 'b', null] }, 'string or null', ['one of `a`, `b`, `null`']],
    [{ const: 1 }, 'number', ['always `1`']],
    [{ type: 'string', default: 'x' }, 'string', ['`x` where it is missing']],
    [
      { type: 'array', items: { type: 'string', maxLength: 5 }, uniqueItems: true },
      'list of string',
      ['no item twice', 'each at most 5 characters'],
    ],
    [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, 'string or null', []],
    [{ anyOf: [{ type: 'string', maxLength: 5 }, { type: 'null' }] }, 'string or null', ['string, at most 5 characters; or null']],
    [{}, 'anything', []],
  ])('%j is %s', (field, type, rules) => {
    expect(only(field)).toMatchObject({ type, rules })
  })
})
