import { createHmac } from 'node:crypto'
import type { UnsubscribeLink } from './mail-rules.ts'

/**
 * Fills `UNSUBSCRIBE_URL_TEMPLATE`. RFC 8058 (3.1, 6) wants the link to name recipient and list, and to hold what nobody else
 * can make up: `{user_id}` names both, since a person's row belongs to one campaign, and `{signature}` is that id's HMAC-SHA256
 * under `UNSUBSCRIBE_SECRET`, in hex.
 */
export function unsubscribeLinks(template: string, secret: string | undefined): UnsubscribeLink {
  const signed = secret !== undefined && template.includes('{signature}')
  return ({ userId, campaignId }) =>
    template
      .replaceAll('{user_id}', encodeURIComponent(userId))
      .replaceAll('{campaign_id}', encodeURIComponent(campaignId))
      .replaceAll('{signature}', signed ? unsubscribeSignature(userId, secret) : '')
}

/** What the platform compares, in constant time, with the signature of a link: the key and the id are taken as UTF-8. */
export function unsubscribeSignature(userId: string, secret: string): string {
  return createHmac('sha256', secret).update(userId).digest('hex')
}
