import { createHash } from 'node:crypto'
import { v5 } from 'uuid'
import { catalogue } from './catalogue.ts'
import type { EventData, EventType } from './event.ts'

/** Namespace of our event ids (RFC 9562, version 5): fixed for ever, or a caller's retry would become a second event. */
const NAMESPACE = '6f5b1c0e-3a0b-5d0f-9a39-2f6f0d8f7a11'

/**
 * The id of an event whose publisher gave none: UUIDv5 over the type and the identity of what happened, so that telling it
 * again is no second event.
 */
export function eventIdOf<Type extends EventType>(type: Type, data: EventData[Type]): string {
  return v5(identityText(type, data), NAMESPACE)
}

/**
 * SHA-256 over the type and the fields that identify what happened, never timestamps, counts, points or addresses: one event
 * id with two hashes is a conflict, a caller's retry is a duplicate.
 */
export function contentHashOf<Type extends EventType>(type: Type, data: EventData[Type]): Uint8Array {
  return createHash('sha256').update(identityText(type, data)).digest()
}

function identityText(type: EventType, data: EventData[EventType]): string {
  const fields: Readonly<Record<string, unknown>> = { ...data }
  return [type, ...catalogue[type].identity.map((field) => String(fields[field]))].join('\n')
}
