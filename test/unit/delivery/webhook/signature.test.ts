import { createHmac } from 'node:crypto'
import { assert, base64String, constantFrom, oneof, property, string, stringMatching } from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { signedHeaders } from '../../../../src/delivery/webhook/signature.ts'

const body = Buffer.from('{"name":"Zoë – 100 %"}', 'utf8')
const base64Of = (bytes: number): string => Buffer.alloc(bytes, 7).toString('base64')

const signatureBy = (secret: string) => signedHeaders('msg_1', 0, body, secret)?.['webhook-signature']

describe('the signature of a webhook', () => {
  it.each([1, 2, 23, 24, 32, 64, 65])('is accepted by the reference library for a secret of %i bytes', (bytes) => {
    const secret = `whsec_${base64Of(bytes)}`
    const headers = signedHeaders('msg_1', Date.now(), body, secret)
    expect(new Webhook(secret).verify(body, headers ?? {})).toEqual({ name: 'Zoë – 100 %' })
  })

  it('is refused by the reference library when one byte of the body differs', () => {
    const secret = `whsec_${base64Of(32)}`
    const headers = signedHeaders('msg_1', Date.now(), body, secret)
    expect(() => new Webhook(secret).verify(`${body.toString()} `, headers ?? {})).toThrow('No matching signature')
  })

  it('takes a secret without the prefix as its UTF-8 bytes', () => {
    const headers = signedHeaders('msg_1', 1_700_000_000_999, body, 'pässword')
    const expected = createHmac('sha256', Buffer.from('pässword', 'utf8')).update(`msg_1.1700000000.${body.toString()}`).digest('base64')
    expect(headers).toEqual({ 'webhook-id': 'msg_1', 'webhook-timestamp': '1700000000', 'webhook-signature': `v1,${expected}` })
    expect(new Webhook(Buffer.from('pässword', 'utf8'), { format: 'raw' }).sign('msg_1', new Date(1_700_000_000_000), body)).toBe(
      `v1,${expected}`,
    )
  })

  it('is accepted by the reference library for whatever secret it takes', () => {
    const text = oneof(base64String({ minLength: 4, maxLength: 120 }), stringMatching(/^[0-9a-f]{8,64}$/), string())
    assert(
      property(text, constantFrom('', 'whsec_'), constantFrom('', '\n'), (base64, prefix, end) => {
        const secret = `${prefix}${base64}${end}`
        const verifier = verifierOf(secret)
        if (verifier === null) return
        expect(verifier.verify(body, signedHeaders('msg_1', Date.now(), body, secret) ?? {})).toEqual({ name: 'Zoë – 100 %' })
      }),
    )
  })

  it('is made twice where a secret without the prefix is base64 too: by its text, and by the bytes', () => {
    const secret = base64Of(32)
    const headers = signedHeaders('msg_1', Date.now(), body, secret) ?? {}
    expect(headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/)
    new Webhook(secret).verify(body, headers)
    new Webhook(Buffer.from(secret, 'utf8'), { format: 'raw' }).verify(body, headers)
  })

  it('follows the secret at once, also after those of many endpoints', () => {
    for (const secret of [...Array.from({ length: 2_500 }, (_, n) => `!${n}`), '!0', '!2499']) {
      expect(signatureBy(secret)).toBe(`v1,${createHmac('sha256', secret).update(`msg_1.0.${body.toString()}`).digest('base64')}`)
    }
  })

  it('reads the base64 of a secret with and without its padding', () => {
    const padded = `whsec_${base64Of(32)}`
    expect(padded.endsWith('=')).toBe(true)
    expect(signedHeaders('msg_1', 0, body, padded.replace(/=+$/, ''))).toEqual(signedHeaders('msg_1', 0, body, padded))
  })

  it.each([
    ['is empty', ''],
    ['is a prefix alone', 'whsec_'],
    ['is no base64', `whsec_${'!'.repeat(40)}`],
    ['is base64 of the URL alphabet', `whsec_${'-_'.repeat(20)}`],
  ])('is not made with a secret that %s', (_what, secret) => {
    expect(signedHeaders('msg_1', 0, body, secret)).toBeNull()
  })
})

/** Null when the reference library does not take the secret. */
function verifierOf(secret: string): Webhook | null {
  try {
    return new Webhook(secret)
  } catch {
    // It throws at secrets that it cannot read, which is the answer.
    return null
  }
}
