import { Compile } from 'typebox/schema'
import type { EventType } from '../event.ts'
import type { DefinedEvent } from './define-event.ts'
import { events } from './events.ts'
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
const checkData = new Map(eventTypes.map((type) => [type, Compile(catalogue[type].data)]))

/** Null when `value` is a valid envelope, else the fields and the rules that they break; never a value. */
export function envelopeFault(value: unknown): string | null {
  if (!checkEnvelope.Check(value)) return rules(checkEnvelope.Errors(value)[1])
  return isInstant(String(value.timestamp)) ? null : '/timestamp breaks range'
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

/** Same as {@link envelopeFault}, for the `data` of an event of `type`. */
export function dataFault(type: EventType, data: unknown): string | null {
  const check = checkData.get(type)
  if (check === undefined) return `type ${type} is not in the catalogue`
  return check.Check(data) ? null : rules(check.Errors(data)[1])
}

/** Same as {@link envelopeFault}, for a value of any schema. Compiles it: for tools. */
export function schemaFault(schema: object, value: unknown): string | null {
  const check = Compile(schema)
  return check.Check(value) ? null : rules(check.Errors(value)[1])
}

function rules(errors: readonly { instancePath: string; keyword: string; params: object }[]): string {
  return errors
    .slice(0, 5)
    .map((error) => {
      const missing = 'requiredProperties' in error.params ? `: ${String(error.params.requiredProperties)}` : ''
      return `${error.instancePath === '' ? '/' : error.instancePath} breaks ${error.keyword}${missing}`
    })
    .join('; ')
}
