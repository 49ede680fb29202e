import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

/**
 * The three headers of Standard Webhooks 1.0.0. `id` stays the same over all retries; the time is that of this attempt, so
 * that a receiver can refuse old copies. Null when the secret cannot sign.
 */
export function signedHeaders(id: string, atMs: number, body: Uint8Array, secret: string): Record<string, string> | null {
  const keys = signingKeys(secret)
  if (keys.length === 0) return null
  const seconds = Math.floor(atMs / 1000)
  const signatures = keys.map((key) => `v1,${createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest('base64')}`)
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': signatures.join(' ') }
}

/** Secrets of which the keys are kept; beyond it all are read again. */
const MOST_KEYS = 1_000

/** By secret: making a key of bytes takes four times as long as signing with it. */
const keysOf = new Map<string, readonly KeyObject[]>()

function signingKeys(secret: string): readonly KeyObject[] {
  const known = keysOf.get(secret)
  if (known !== undefined) return known
  const keys = bytesOf(secret).map((bytes) => createSecretKey(bytes))
  if (keysOf.size >= MOST_KEYS) keysOf.clear()
  keysOf.set(secret, keys)
  return keys
}

/**
 * `whsec_` and base64, of any length: the standard's 24 to 64 bytes are advice for making a secret, and its reference
 * library takes all. Without the prefix a secret stands for its UTF-8 bytes; the reference library would read base64 there as
 * well, so where both readings are possible, signatures by both are sent, and a receiver finds the one that it
 * knows. Null for a secret that is empty, or not base64 after the prefix.
 */
function bytesOf(secret: string): readonly Uint8Array[] {
  if (secret.startsWith(prefix)) return fromBase64(secret.slice(prefix.length))
  if (secret === '') return []
  return [Buffer.from(secret, 'utf8'), ...fromBase64(secret)]
}

const prefix = 'whsec_'

/**
 * With or without its padding. One character behind the last full group, such as the line break of a file, says nothing and is left
 * out, as the reference library does. Anything else that is not of the alphabet is refused, where Node would skip it.
 */
function fromBase64(text: string): readonly Uint8Array[] {
  const unpadded = text.replace(/={1,2}$/, '')
  const whole = unpadded.length % 4 === 1 ? unpadded.slice(0, -1) : unpadded
  return /^[A-Za-z0-9+/]{2,}$/.test(whole) ? [Buffer.from(whole, 'base64')] : []
}
