import { createHmac } from 'node:crypto'

/**
 * The three headers of Standard Webhooks 1.0.0. `id` stays the same over all retries; the time is that of this attempt, so
 * that a receiver can refuse old copies. Null when the secret cannot sign.
 */
export function signedHeaders(id: string, atMs: number, body: Uint8Array, secret: string): Record<string, string> | null {
  const key = signingKey(secret)
  if (key === null) return null
  const seconds = Math.floor(atMs / 1000)
  const signature = createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${signature}` }
}

/**
 * `whsec_` and the base64 of 24 to 64 bytes; any other text stands for its UTF-8 bytes. Null for an empty secret, and for a
 * `whsec_` one of another length or alphabet: its owner's verifier would read other bytes than we do.
 */
function signingKey(secret: string): Uint8Array | null {
  if (!secret.startsWith(prefix)) return secret === '' ? null : Buffer.from(secret, 'utf8')
  const text = secret.slice(prefix.length)
  const key = Buffer.from(text, 'base64')
  if (unpadded(key.toString('base64')) !== unpadded(text)) return null
  return key.length >= 24 && key.length <= 64 ? key : null
}

const prefix = 'whsec_'

function unpadded(base64: string): string {
  return base64.replace(/=+$/, '')
}
