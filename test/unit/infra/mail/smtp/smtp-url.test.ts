import { describe, expect, it } from 'vitest'
import { parseSmtpUrl } from '../../../../../src/infra/mail/smtp/smtp-url.ts'

describe('parseSmtpUrl', () => {
  it.each([
    ['smtp://relay.example.com', { host: 'relay.example.com', port: 587, credentials: null, options: { secure: false } }],
    ['smtps://relay.example.com/', { port: 465, options: { secure: true } }],
    ['smtp://127.0.0.1:2525', { host: '127.0.0.1', port: 2525 }],
    ['smtp://[::1]:2525', { host: '::1', port: 2525 }],
    ['smtp://user%40example.com:p%40ss%2Fw%25rd@relay.example.com:25', { credentials: { user: 'user@example.com', pass: 'p@ss/w%rd' } }],
    [
      'smtp://relay.example.com?requireTLS=true&name=mail.example.org',
      { options: { secure: false, requireTLS: true, name: 'mail.example.org' } },
    ],
    ['smtps://relay.example.com?tls.rejectUnauthorized=false', { options: { secure: true, tls: { rejectUnauthorized: false } } }],
  ])('reads %s', (url, expected) => {
    expect(parseSmtpUrl(url)).toMatchObject(expected)
  })

  it.each([
    'relay.example.com',
    'http://relay.example.com',
    'smtp://',
    'smtp://secret@relay.example.com',
    'smtp://:secret@relay.example.com',
    'smtp://user:secret%zz@relay.example.com',
    'smtp://user:secret@relay.example.com/path',
    'smtp://user:secret@relay.example.com?unknown=1',
    'smtp://user:secret@relay.example.com?requireTLS=yes',
    'smtp://user:secret@relay.example.com?name=a%0d%0ab',
    'smtp://user:secret@relay.example.com:99999',
  ])('refuses %s with a sentence that repeats none of it', (url) => {
    expect(() => parseSmtpUrl(url)).toThrow(
      expect.objectContaining({ name: 'OperatorError', message: expect.not.stringMatching(/secret|relay\.example/) }),
    )
  })
})

describe('TLS for the relay', () => {
  const far = 'smtp://user:secret@relay.example.com'
  it.each<[string, boolean | undefined, boolean]>([
    // A login to another machine is never sent in clear unless that is said.
    [far, undefined, true],
    [far, false, false],
    [`${far}?requireTLS=false`, undefined, false],
    [`${far}?ignoreTLS=true`, false, false],
    // Nothing to steal, or no network in between.
    ['smtp://relay.example.com', undefined, false],
    ['smtp://user:secret@127.0.0.1', undefined, false],
    ['smtp://user:secret@localhost:2525', undefined, false],
    ['smtp://user:secret@[::1]:2525', undefined, false],
    // Said so.
    ['smtp://relay.example.com', true, true],
    ['smtp://user:secret@127.0.0.1', true, true],
    ['smtp://relay.example.com?requireTLS=true', undefined, true],
    // A name that only begins like this machine's.
    ['smtp://user:secret@127.0.0.1.example.com', undefined, true],
    ['smtp://user:secret@localhost.example.com', undefined, true],
  ])('%s, SMTP_REQUIRE_TLS %s: %s', (url, requireTls, required) => {
    expect(parseSmtpUrl(url, { requireTls }).options).toMatchObject({ requireTLS: required })
  })

  it.each<[string, boolean | undefined, RegExp]>([
    [`${far}?requireTLS=false`, true, /^SMTP_REQUIRE_TLS and requireTLS in SMTP_URL say different things/],
    [`${far}?ignoreTLS=true`, undefined, /^SMTP_URL has ignoreTLS and a login, which would go over the network in clear/],
    [`${far}?ignoreTLS=true`, true, /^SMTP_URL has ignoreTLS although TLS is required/],
  ])('refuses %s with SMTP_REQUIRE_TLS %s', (url, requireTls, message) => {
    expect(() => parseSmtpUrl(url, { requireTls })).toThrow(message)
  })

  it('accepts authorities, and keeps the certificate options of the URL', () => {
    expect(parseSmtpUrl(`${far}?tls.servername=mail.example.org`, { ca: 'PEM' }).options.tls).toEqual({
      servername: 'mail.example.org',
      ca: 'PEM',
    })
    expect(parseSmtpUrl(far).options.tls).toEqual({})
  })
})
