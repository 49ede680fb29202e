import { describe, expect, it } from 'vitest'
import { parseSmtpUrl } from '../../../../src/infra/mail/smtp-url.ts'

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
