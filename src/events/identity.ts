import { hash } from 'node:crypto'
import { v5 } from 'uuid'
import { catalogue } from './catalogue/catalogue.ts'
import type { EventData, EventType } from './event.ts'

/** Namespace of our event ids (RFC 9562, version 5). It must never change: a publisher's retry would become a second event. */
const NAMESPACE = '6f5b1c0e-3a0b-5d0f-9a39-2f6f0d8f7a11'

/**
 * The default event id: UUIDv5 over the type and the identity fields, so that publishing the same fact again yields the same id.
 */
export function eventIdOf<Type extends EventType>(type: Type, data: EventData[Type]): string {
  return v5(identityText(type, data), NAMESPACE)
}

/**
 * SHA-256 over the type and the identity fields, without timestamps, counts, points and addresses. The same event id with another hash
 * is a conflict; with the same hash it is a duplicate.
 */
export function contentHashOf<Type extends EventType>(type: Type, data: EventData[Type]): Uint8Array {
  return hash('sha256', identityText(type, data), 'buffer')
}

function identityText(type: EventType, data: EventData[EventType]): string {
  const fields: Readonly<Record<string, unknown>> = { ...data }
  return [type, ...catalogue[type].identity.map((field) => String(fields[field]))].join('\n')
}
