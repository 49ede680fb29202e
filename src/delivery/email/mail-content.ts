import type { JsonObject } from '../../model/intent.ts'

/** The content of a mail: a few hundred bytes, from which every copy is composed to the byte. */
export interface MailContent {
  /** Hash of the template's text ({@link TemplateVersions}). */
  readonly template: string
  /** The values of the variables that its bodies name. */
  readonly values: JsonObject
  readonly fromName: string | null
  readonly toName: string | null
  /** ISO 8601. */
  readonly date: string
  readonly unsubscribeUrl: string | null
  /** Of the event that caused the mail; null where none did, and in what versions wrote that had no such headers. */
  readonly cause: MailCause | null
}

/** Where a mail comes from, as its headers say. */
export interface MailCause {
  readonly eventId: string
  readonly correlationId: string
}

/** @returns null when no version of this program wrote it */
export function mailContentOf(json: unknown): MailContent | null {
  if (!isObject(json)) return null
  const { template, values, fromName, toName, date, unsubscribeUrl, cause } = json
  if (typeof template !== 'string' || !isObject(values) || typeof date !== 'string') return null
  const names = { fromName: textOrNull(fromName), toName: textOrNull(toName) }
  return { template, values, ...names, date, unsubscribeUrl: textOrNull(unsubscribeUrl), cause: causeOf(cause) }
}

function causeOf(json: unknown): MailCause | null {
  if (!isObject(json)) return null
  const { eventId, correlationId } = json
  return typeof eventId === 'string' && typeof correlationId === 'string' ? { eventId, correlationId } : null
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
