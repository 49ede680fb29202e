import { createHash } from 'node:crypto'

/**
 * The local part of the Message-ID of a mail, by the documented formula: one mail per event, type and person.
 */
export function messageIdLocalPart(eventId: string, mailType: string, userId: string): string {
  return createHash('sha256')
    .update(JSON.stringify([eventId, mailType, userId]))
    .digest('hex')
    .slice(0, 32)
}

/** The local part of a Message-ID; the whole text if it is malformed. */
export function localPartOf(messageId: string): string {
  return /^<([^@<>]+)@[^@<>]+>$/.exec(messageId)?.[1] ?? messageId
}
