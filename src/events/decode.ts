import { envelopeFault, knownEvents, type KnownEvents } from './catalogue/catalogue.ts'
import { isCorrelationId } from './correlation.ts'
import type { AnyEvent } from './event.ts'
import { upcast } from './upcast.ts'
import { readEnvelope, type ReadEnvelope } from './envelopes.ts'
import { isFramed, readFramed, type WriterSchemas } from './framed-value.ts'
import { readJson } from './read-json.ts'
import { typesInHeaders, type WithHeaders } from './header.ts'

export interface EncodedEvent extends WithHeaders {
  readonly value: Buffer | null
  /** Size of a value that was too large to be kept in memory. */
  readonly omittedBytes?: number
}

/** A fault makes the event poison at once; `detail` names fields and rules, never values. */
export type Decoded =
  | { readonly is: 'event'; readonly event: AnyEvent }
  /** Well-formed, but of a type outside the catalogue: for other consumers of the topic. */
  | { readonly is: 'unknown-type' }
  | {
      readonly is: 'fault'
      readonly reason: DecodeFault
      readonly detail: string
      readonly envelope?: KnownEnvelope
      readonly correlationId?: string
    }

/** The envelope of an event with invalid data: ids in lower case, a type of the catalogue. */
export interface KnownEnvelope {
  readonly id: string
  readonly type: string
  readonly campaignId: string
}

export type DecodeFault =
  | 'too-large'
  | 'too-deep'
  | 'not-utf8'
  | 'not-json'
  | 'not-an-envelope'
  | 'invalid-data'
  | 'type-mismatch'
  | 'unsupported-version'
  | 'unknown-schema'
  | 'unreadable-schema'
  | 'not-avro'

/**
 * Decodes the events of a catalogue.
 *
 * @param schemas of every value that begins with the id of one in a schema registry; none where no registry is configured
 */
export type Decode = (encoded: EncodedEvent, limits: { readonly maxBytes: number }, schemas?: WriterSchemas) => Decoded

/** Decodes the events of this program's catalogue ({@link decoderOf}). */
export const decode: Decode = decoderOf(knownEvents)

/**
 * What decodes bytes into an event of a catalogue: size and depth limits, UTF-8, JSON or what a schema registry has a schema of, envelope,
 * `data` by the catalogue, older versions upcast, missing fields filled in by their defaults. Headers and body must agree on the type. Never
 * throws.
 */
export function decoderOf(known: KnownEvents): Decode {
  return (encoded, limits, schemas = noSchemas) => {
    const parsed = parse(encoded, limits, schemas)
    return 'fault' in parsed ? parsed.fault : check(parsed, encoded, known)
  }
}

const noSchemas: WriterSchemas = new Map()

/** `isAvro`: with null for what is missing. */
interface Parsed {
  readonly value: unknown
  readonly isAvro?: true
}

function parse(encoded: EncodedEvent, limits: { readonly maxBytes: number }, schemas: WriterSchemas): Parsed | { readonly fault: Decoded } {
  const { value, omittedBytes } = encoded
  if (omittedBytes !== undefined) return { fault: tooLarge(omittedBytes, limits) }
  if (value === null || value.length === 0) return { fault: fault('not-json', 'the record has no value') }
  if (value.length > limits.maxBytes) return { fault: tooLarge(value.length, limits) }
  const read = isFramed(value) ? readFramed(value, schemas) : readJson(value)
  return 'value' in read ? read : { fault: fault(read.reason, read.detail) }
}

function check({ value, isAvro }: Parsed, encoded: WithHeaders, known: KnownEvents): Decoded {
  const read = readEnvelope(value, encoded)
  if ('fault' in read) return fault('not-an-envelope', read.fault)
  const checked = checkRead(read, isAvro === true, encoded, known)
  return checked.is === 'fault' && isCorrelationId(read.correlationId) ? { ...checked, correlationId: read.correlationId } : checked
}

function checkRead(read: ReadEnvelope, isAvro: boolean, encoded: WithHeaders, known: KnownEvents): Decoded {
  // Of another team, in a form that says more than ours or less: only its type is read.
  if (read.foreignType !== undefined && known.definition(read.foreignType) === null) return { is: 'unknown-type' }
  const envelope = envelopeFault(read.fields)
  if (envelope !== null) return fault('not-an-envelope', envelope)
  // The envelope is checked; `data` is checked below, by type.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const event = read.fields as AnyEvent
  if (typesInHeaders(encoded).some((named) => named !== event.type))
    return fault('type-mismatch', 'the header and the body name different types')
  const definition = known.definition(event.type)
  if (definition === null) return { is: 'unknown-type' }

  const versioned = upcast(event, read.versions, definition)
  if (typeof versioned === 'string') return fault('unsupported-version', versioned)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked below
  const complete = isAvro ? ({ ...versioned, data: known.withoutNulls(versioned.type, versioned.data) } as AnyEvent) : versioned
  return checkData(complete, read.correlationId, known)
}

function checkData(read: AnyEvent, correlationId: unknown, known: KnownEvents): Decoded {
  const given = known.withDefaults(read.type, read.data)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked below
  const event = given === read.data ? read : ({ ...read, data: given } as AnyEvent)
  const data = known.dataFault(event.type, event.data)
  const own = { id: event.id.toLowerCase(), type: event.type, campaignId: event.campaign_id.toLowerCase() }
  if (data !== null) return { ...fault('invalid-data', data), envelope: own }
  if (event.data.campaign_id.toLowerCase() !== own.campaignId) {
    return { ...fault('invalid-data', '/data/campaign_id differs from /campaign_id'), envelope: own }
  }
  return { is: 'event', event: canonical(event, correlationId, known.idsOf(event.type)) }
}

/** Uuids in lower case, as PostgreSQL writes them: keys are compared as text. A correlation id that cannot be one is left out. */
function canonical(checked: AnyEvent, correlationId: unknown, ids: readonly string[]): AnyEvent {
  const event = 'correlation_id' in checked ? withoutCorrelation(checked) : checked
  const data: Record<string, unknown> = { ...event.data }
  for (const name of ids) {
    const id = data[name]
    if (typeof id === 'string') data[name] = id.toLowerCase()
  }
  // The spread keeps type and data paired, as check() has verified.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return {
    ...event,
    id: event.id.toLowerCase(),
    account_id: event.account_id.toLowerCase(),
    campaign_id: event.campaign_id.toLowerCase(),
    data,
    ...(isCorrelationId(correlationId) ? { correlation_id: correlationId } : {}),
  } as unknown as AnyEvent
}

/** A field of this name in the value says nothing. */
function withoutCorrelation(event: AnyEvent): AnyEvent {
  const { correlation_id: _, ...rest } = event
  return rest
}

function tooLarge(bytes: number, { maxBytes }: { readonly maxBytes: number }): Decoded {
  return fault('too-large', `${bytes} bytes, the limit is ${maxBytes}`)
}

function fault(reason: DecodeFault, detail: string): Extract<Decoded, { is: 'fault' }> {
  return { is: 'fault', reason, detail }
}
