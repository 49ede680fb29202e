import { Entries } from 'typebox/format'
import { Compile, type Validator } from 'typebox/schema'
import { messageOf, OperatorError } from '../../std/failure.ts'
import type { EventType } from '../event.ts'
import { closed } from './closed.ts'
import { defaultsOf, type Fill } from './defaults.ts'
import type { DefinedEvent, EventDefinition } from './define-event.ts'
import { events } from './events.ts'
import { withoutNullsOf } from './missing-nulls.ts'
import { object, string, uuid, type ObjectSchema } from './schema.ts'

/** Every event by its type. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each stands under the type that it has
export const catalogue = Object.fromEntries(events.map((event) => [event.type, event])) as unknown as {
  readonly [Type in EventType]: DefinedEvent<Type, ObjectSchema>
}

export const eventTypes = events.map(({ type }) => type)

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(catalogue, type)
}

/** Of the value of every record. */
export const envelopeSchema = object({
  id: uuid,
  type: string,
  account_id: uuid,
  campaign_id: uuid,
  data: object({}),
  timestamp: { type: 'string', format: 'date-time' },
})

const checkEnvelope = Compile(envelopeSchema)

/** A catalogue as a decoder uses it. */
export interface KnownEvents {
  /** Null for a type that is not in it. */
  definition(type: string): EventDefinition | null
  /** Null when `data` is valid, else the fields and the rules that they break; never a value. */
  dataFault(type: string, data: unknown): string | null
  /** The fields of `data` that are uuids. */
  idsOf(type: string): readonly string[]
  /** `data` with the defaults of the fields that are missing; the same value where the type has none. */
  withDefaults(type: string, data: unknown): unknown
  /** `data` without the fields that are null where they may be missing, but not null. */
  withoutNulls(type: string, data: unknown): unknown
  /** Reads every schema now, in place of each at its first record. @throws {OperatorError} one of them cannot be read */
  compile(): void
}

interface CompiledEvent {
  readonly check: Validator
  readonly fill: Fill | null
  readonly leaveOut: ReturnType<typeof withoutNullsOf>
  readonly ids: readonly string[]
}

/** Reads the schemas of a catalogue, each when it is used first: a program that says what is wrong with one has to start. */
export function knownEventsOf(definitions: readonly EventDefinition[]): KnownEvents {
  const byType = new Map(definitions.map((definition) => [definition.type, definition]))
  const compiled = new Map<string, CompiledEvent>()
  const compiledOf = (type: string) => {
    const known = compiled.get(type)
    if (known !== undefined) return known
    const definition = byType.get(type)
    if (definition === undefined) return undefined
    const event = compiledEvent(definition)
    compiled.set(type, event)
    return event
  }
  return {
    definition: (type) => byType.get(type) ?? null,
    dataFault(type, data) {
      const check = compiledOf(type)?.check
      if (check === undefined) return `type ${type} is not in the catalogue`
      return check.Check(data) ? null : textOf(check.Errors(data)[1])
    },
    idsOf: (type) => compiledOf(type)?.ids ?? [],
    withDefaults: (type, data) => compiledOf(type)?.fill?.(data) ?? data,
    withoutNulls: (type, data) => compiledOf(type)?.leaveOut?.(data) ?? data,
    compile() {
      for (const type of byType.keys()) compiledOf(type)
    },
  }
}

function compiledEvent({ type, data }: EventDefinition): CompiledEvent {
  try {
    const ids = Object.entries(data.properties).flatMap(([name, schema]) => ('format' in schema && schema.format === 'uuid' ? [name] : []))
    return { check: Compile(data), fill: defaultsOf(data), leaveOut: withoutNullsOf(data), ids }
  } catch (error) {
    throw new OperatorError(`The schema of ${type} cannot be read: ${messageOf(error)}. Find the place: npm run catalogue -- check`)
  }
}

/** The catalogue of this program. */
export const knownEvents = knownEventsOf(events)

/** Null when `value` is a valid envelope, else the fields and the rules that they break; never a value. */
export function envelopeFault(value: unknown): string | null {
  return textOf(rulesOfEnvelope(value))
}

/** The rules that `value` breaks as an envelope, the first eight at least. */
export function rulesOfEnvelope(value: unknown): readonly BrokenRule[] {
  if (!checkEnvelope.Check(value)) return checkEnvelope.Errors(value)[1]
  return isInstant(String(value.timestamp)) ? [] : [{ instancePath: '/timestamp', keyword: 'range', params: {} }]
}

/**
 * RFC 3339 allows times that a Date cannot represent (leap seconds, a time zone name after the offset), and offsets that move a time
 * beyond the years that PostgreSQL and RFC 3339 can represent.
 */
function isInstant(timestamp: string): boolean {
  const at = Date.parse(timestamp)
  return at >= EARLIEST && at <= LATEST
}

const EARLIEST = Date.parse('0001-01-01T00:00:00.000Z')
const LATEST = Date.parse('9999-12-31T23:59:59.999Z')

const writers = new Map<EventType, Validator>()

/** Same as {@link rulesOfEnvelope}, for the `data` of an event of `type` that is to be written: it may have no field that its schema does not name. */
export function rulesOfWrittenData(type: EventType, data: unknown): readonly BrokenRule[] {
  // At its first event: a daemon publishes none.
  const check = writers.get(type) ?? Compile(closed(catalogue[type].data))
  writers.set(type, check)
  return check.Check(data) ? [] : check.Errors(data)[1]
}

/** The formats that are checked: a value keeps any other. */
export const formats: readonly string[] = Entries().map(([name]) => name)

/** Same as {@link envelopeFault}, for a value of any schema. Compiles it: for tools. */
export function schemaFault(schema: object, value: unknown): string | null {
  return textOf(rulesOfSchema(schema, value))
}

/** Same as {@link rulesOfEnvelope}, for a value of any schema. Compiles it: for tools. */
export function rulesOfSchema(schema: object, value: unknown): readonly BrokenRule[] {
  const check = Compile(schema)
  return check.Check(value) ? [] : check.Errors(value)[1]
}

/** A rule of a schema that a value breaks. */
export interface BrokenRule {
  /** A JSON Pointer (https://www.rfc-editor.org/rfc/rfc6901); empty for the value itself. */
  readonly instancePath: string
  readonly keyword: string
  readonly params: object
}

/** The names of fields of the object at `instancePath` that are missing, or that nobody knows; empty for any other rule. */
export function namedFields({ params }: BrokenRule): readonly string[] {
  const { requiredProperties, additionalProperties }: ErrorParams = params
  return requiredProperties ?? additionalProperties ?? []
}

interface ErrorParams {
  readonly requiredProperties?: readonly string[]
  readonly additionalProperties?: readonly string[]
}

function textOf(errors: readonly BrokenRule[]): string | null {
  if (errors.length === 0) return null
  return errors
    .slice(0, 5)
    .map((error) => {
      const names = namedFields(error)
      return `${error.instancePath === '' ? '/' : error.instancePath} breaks ${error.keyword}${names.length === 0 ? '' : `: ${String(names)}`}`
    })
    .join('; ')
}
