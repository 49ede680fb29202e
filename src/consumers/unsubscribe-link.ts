import { createHmac } from 'node:crypto'
import type { UnsubscribeLink } from './mail-rules.ts'

/**
 * Fills `UNSUBSCRIBE_URL_TEMPLATE`. RFC 8058 (3.1, 6) requires the link to identify recipient and list and to be hard to forge:
 * `{user_id}` identifies both, because a person's row belongs to one campaign, and `{signature}` is the HMAC-SHA256 of that id with
 * `UNSUBSCRIBE_SECRET`, in hex.
 */
export function unsubscribeLinks(template: string, secret: string | undefined): UnsubscribeLink {
  const signed = secret !== undefined && template.includes('{signature}')
  return ({ userId, campaignId }) =>
    template
      .replaceAll('{user_id}', encodeURIComponent(userId))
      .replaceAll('{campaign_id}', encodeURIComponent(campaignId))
      .replaceAll('{signature}', signed ? unsubscribeSignature(userId, secret) : '')
}

/** The signature that the platform compares, in constant time, with that of a link; key and id as UTF-8. */
export function unsubscribeSignature(userId: string, secret: string): string {
  return createHmac('sha256', secret).update(userId).digest('hex')
}
