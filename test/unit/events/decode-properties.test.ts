import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { envelopeFault, eventTypes, knownEvents } from '../../../src/events/catalogue/catalogue.ts'
import { decode, type Decoded } from '../../../src/events/decode.ts'
import { sampleEvent } from '../../support/sample-event.ts'

/** The reasons that docs/guide/dead-letters.md promises for what cannot be read. */
const reasons: ReadonlySet<string> = new Set([
  'too-large',
  'too-deep',
  'not-utf8',
  'not-json',
  'not-an-envelope',
  'invalid-data',
  'type-mismatch',
  'unsupported-version',
  'unknown-schema',
  'unreadable-schema',
  'not-avro',
])
const MAX_BYTES = 4_096

const anyHeaders = fc.dictionary(
  fc.oneof(fc.constantFrom('event-type', 'event-version', 'ce_type', '__proto__', 'constructor'), fc.string()),
  fc.oneof(
    bytes(40),
    fc.array(bytes(40), { maxLength: 3 }),
    fc.constantFrom(...eventTypes, '1', '2').map((text) => Buffer.from(text)),
  ),
  { maxKeys: 4 },
)
const names = fc.oneof(
  fc.constantFrom('id', 'type', 'account_id', 'campaign_id', 'data', 'timestamp', 'user_id', 'email', 'other_id', '__proto__', 'toString'),
  fc.string(),
)
const times = fc
  .tuple(
    fc.constantFrom('0000-01-01', '0001-01-01', '2016-12-31', '9999-12-31'),
    fc.constantFrom('00:00:00', '23:59:59.9', '23:59:60', '24:00:00'),
    fc.constantFrom('Z', 'z', '+23:59', '-23:59', 'Z[Europe/Paris]', ''),
  )
  .map(([day, time, zone]) => `${day}T${time}${zone}`)
const anything = fc.oneof(
  times,
  fc.jsonValue({ maxDepth: 6 }),
  fc.constantFrom('\u0000', '\ud800', '', 1e308, -0, { toString: 1, valueOf: null }, { __proto__: 1 }),
  fc.integer({ min: 1, max: 40 }).map((depth) => nested(depth)),
)
const goodEvents = fc.tuple(fc.constantFrom(...eventTypes), fc.integer({ min: 1, max: 99 })).map(([type, n]) => sampleEvent(type, n))

it('any bytes under any headers decode to a listed fault or an unknown type', () => {
  fc.assert(
    fc.property(fc.option(bytes(400)), anyHeaders, (value, headers) => {
      expect(wrongWith(value, headers)).toBeNull()
    }),
    { numRuns: 1_000 },
  )
})

it('any JSON decodes to a listed fault or an unknown type', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), anyHeaders, (value, headers) => {
      expect(wrongWith(Buffer.from(JSON.stringify(value)), headers)).toBeNull()
    }),
    { numRuns: 500 },
  )
})

it('a valid event with fields changed, added or deleted decodes to a listed fault, an unknown type or an event of the catalogue', () => {
  const changes = fc.array(fc.record({ inData: fc.boolean(), name: names, to: fc.option(anything, { nil: undefined }) }), { maxLength: 4 })
  fc.assert(
    fc.property(goodEvents, changes, fc.oneof(fc.constant({}), anyHeaders), (event, list, headers) => {
      expect(wrongWith(Buffer.from(JSON.stringify(changed(event, list))), headers)).toBeNull()
    }),
    { numRuns: 1_500 },
  )
})

it('a valid event with bytes flipped, removed, inserted or repeated does too', () => {
  const edit = fc.record({ at: fc.nat({ max: 400 }), cut: fc.nat({ max: 20 }), put: bytes(8), times: fc.constantFrom(1, 1, 1, 50, 1_000) })
  fc.assert(
    fc.property(goodEvents, fc.array(edit, { minLength: 1, maxLength: 4 }), (event, edits) => {
      let value = Buffer.from(JSON.stringify(event))
      for (const { at, cut, put, times: often } of edits) {
        const filling = Array.from({ length: often }, () => put)
        value = Buffer.concat([value.subarray(0, at), ...filling, value.subarray(at + cut)])
      }
      expect(wrongWith(value, {})).toBeNull()
    }),
    { numRuns: 1_500 },
  )
})

it('values that are too large or too deep are never parsed, whatever follows', () => {
  fc.assert(
    fc.property(fc.constantFrom('[', '{"a":', '[{"a":'), fc.integer({ min: 33, max: 600 }), bytes(100), (open, depth, rest) => {
      const deep = Buffer.concat([Buffer.from(open.repeat(depth)), rest])
      expect(decodeAll(deep, {})).toMatchObject({ reason: 'too-deep' })
      expect(decodeAll(Buffer.concat([deep, Buffer.alloc(MAX_BYTES)]), {})).toMatchObject({ reason: 'too-large' })
    }),
    { numRuns: 200 },
  )
})

/** What is wrong with the answer, or null: it is one that is promised. */
function wrongWith(value: Buffer | null, headers: Record<string, Buffer | Buffer[]>): string | null {
  const decoded = decodeAll(value, headers)
  if (decoded.is === 'unknown-type') return null
  if (decoded.is === 'fault') {
    if (!reasons.has(decoded.reason) || decoded.detail === '') return `${decoded.reason}: ${decoded.detail}`
    return value !== null && value.length > MAX_BYTES && decoded.reason !== 'too-large' ? 'it is too large' : null
  }
  const { event } = decoded
  const fault = envelopeFault(event) ?? knownEvents.dataFault(event.type, event.data)
  if (fault !== null) return fault
  if (event.data.campaign_id !== event.campaign_id || event.id !== event.id.toLowerCase()) return 'its ids are not canonical'
  const at = new Date(event.timestamp)
  // As the outcome's row has it.
  return at.getTime() > Date.parse('0000-12-31T23:59:59Z') && /^\d{4}-/.test(at.toISOString()) ? null : 'its time is none'
}

function decodeAll(value: Buffer | null, headers: Record<string, Buffer | Buffer[]>): Decoded {
  return decode({ value, headers }, { maxBytes: MAX_BYTES })
}

function bytes(maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let n = 0; n < depth; n++) value = n % 2 === 0 ? [value] : { a: value }
  return value
}

interface Change {
  readonly inData: boolean
  readonly name: string
  readonly to: unknown
}

/** Undefined deletes. */
function changed(event: { readonly data: object }, changes: readonly Change[]): object {
  const fields = (inData: boolean) =>
    changes.filter((change) => change.inData === inData).map(({ name, to }): [string, unknown] => [name, to])
  const data = Object.fromEntries([...Object.entries(event.data), ...fields(true)])
  return Object.fromEntries([...Object.entries({ ...event, data }), ...fields(false)])
}
