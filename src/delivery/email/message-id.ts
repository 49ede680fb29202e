import { createHash } from 'node:crypto'
import type { MailType } from './mail-message.ts'

/**
 * The Message-ID of the one mail of this type to this user about this event, with its angle brackets: the same from every
 * process and on every attempt, so that a mail system recognises a second copy.
 *
 * @param domain of the sender, in ASCII
 */
export function messageIdOf(mail: { eventId: string; type: MailType; userId: string }, domain: string): string {
  // As JSON, so that no two triples run together into the same text.
  const identity = JSON.stringify([mail.eventId, mail.type, mail.userId])
  const digest = createHash('sha256').update(identity).digest('hex')
  return `<${digest.slice(0, 32)}@${domain}>`
}
