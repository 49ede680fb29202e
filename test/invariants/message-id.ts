import { createHash } from 'node:crypto'

/**
 * What stands before the @ of the Message-ID of the one mail of a type about an event to a person: the documented formula, computed
 * anew.
 */
export function messageName(eventId: string, mailType: string, userId: string): string {
  return createHash('sha256')
    .update(JSON.stringify([eventId, mailType, userId]))
    .digest('hex')
    .slice(0, 32)
}

/** What stands before the @ of a Message-ID; the whole text where there is none. */
export function nameOf(messageId: string): string {
  return /^<([^@<>]+)@[^@<>]+>$/.exec(messageId)?.[1] ?? messageId
}
