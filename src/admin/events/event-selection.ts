import { eventTypes } from '../../events/catalogue/catalogue.ts'
import { decode } from '../../events/decode.ts'
import type { WriterSchemas } from '../../events/framed-value.ts'
import { header, headerTexts, typesInHeaders } from '../../events/header.ts'
import type { LogRecord } from '../../ingest/record-source.ts'
import { OperatorError } from '../../std/failure.ts'
import { uuidOf } from '../intents/intent-filter.ts'
import { unknownWord } from '../unknown-word.ts'

/** As an operator types it. */
export interface TypedSelection {
  readonly type?: string
  readonly event?: string
  readonly campaign?: string
  readonly user?: string
  readonly producer?: string
  readonly correlation?: string
}

/** Whether a record is meant. `schemas` of its value, where a registry has one. */
export type Selects = (record: LogRecord, schemas?: WriterSchemas) => boolean

/**
 * Which records of a topic are meant: all conditions hold. A record that this build cannot read has a type, a producer and a correlation id by
 * its headers alone, and matches no id.
 *
 * @throws {OperatorError} an id is none, or no event has such a type; with the nearest that there is
 */
export function eventSelection(typed: TypedSelection): Selects {
  const type = typed.type === undefined ? null : typeMatcher(typed.type)
  const [eventId, campaignId, userId] = [uuidOf('--event', typed.event), uuidOf('--campaign', typed.campaign), uuidOf('--user', typed.user)]
  const hasIds = eventId !== null || campaignId !== null || userId !== null
  return (record, schemas) => {
    if (typed.producer !== undefined && !headerTexts(record, header.producer).includes(typed.producer)) return false
    const named = typesInHeaders(record)
    // Most records are told apart by a header, without being parsed.
    if (type !== null && named.length > 0 && !named.some(type)) return false
    if (!hasIds && typed.correlation === undefined && (type === null || named.length > 0)) return true
    const decoded = decode(record, { maxBytes: Infinity }, schemas)
    if (decoded.is !== 'event') {
      const isMeant = typed.correlation !== undefined && headerTexts(record, header.correlationId).includes(typed.correlation)
      return !hasIds && isMeant && (type === null || named.some(type))
    }
    const { event } = decoded
    if (type !== null && !type(event.type)) return false
    if (typed.correlation !== undefined && event.correlation_id !== typed.correlation) return false
    if (eventId !== null && event.id !== eventId) return false
    if (campaignId !== null && event.campaign_id !== campaignId) return false
    return userId === null || Object.values<unknown>({ ...event.data }).includes(userId)
  }
}

/** An exact type, a family such as `user.*`, or `*`. */
function typeMatcher(pattern: string): (type: string) => boolean {
  if (pattern === '*') return () => true
  const family = pattern.endsWith('.*') ? pattern.slice(0, -1) : null
  if (family !== null) return (type) => type.startsWith(family)
  if (pattern.includes('*'))
    throw new OperatorError(`--type "${pattern}" has an asterisk that is not its last part: give a type, a family such as user.*, or *.`)
  const known = eventTypes.find((type) => type === pattern)
  if (known === undefined) throw unknownWord('event type', pattern, eventTypes)
  return (type) => type === known
}
