import { describe, expect, it } from 'vitest'
import { domainNote, referralLink } from '../../../src/consumers/person-mail.ts'

const template = 'https://example.com/join?ref={referral_code}'

describe('a referral link', () => {
  it.each([
    ['the template', null, template, 'https://example.com/join?ref=a%2Fb'],
    ["the campaign's domain under the template's path", 'join.example.org', template, 'https://join.example.org/join?ref=a%2Fb'],
    ["the campaign's domain alone", 'Join.Example.org ', null, 'https://join.example.org/r/a%2Fb'],
    ['nothing', null, null, null],
    ['nothing', '', null, null],
  ])('is made of %s', (_what, domain, template, link) => {
    expect(referralLink('a/b', domain, template)).toBe(link)
  })

  it.each([
    ['https://join.example.org', 'https://join.example.org/join?ref=abc'],
    ['HTTPS://Join.example.org/', 'https://join.example.org/join?ref=abc'],
    ['http://join.example.org', 'http://join.example.org/join?ref=abc'],
    ['join.example.org/', 'https://join.example.org/join?ref=abc'],
    ['join.example.org.', 'https://join.example.org/join?ref=abc'],
    ['join.example.org:8443', 'https://join.example.org:8443/join?ref=abc'],
    ['join.example.org:443', 'https://join.example.org/join?ref=abc'],
    ['b\u00fccher.example', 'https://xn--bcher-kva.example/join?ref=abc'],
    ['B\u00dcCHER.example', 'https://xn--bcher-kva.example/join?ref=abc'],
    ['bu\u0308cher.example', 'https://xn--bcher-kva.example/join?ref=abc'],
    [' https://xn--bcher-kva.example./\n', 'https://xn--bcher-kva.example/join?ref=abc'],
  ])('understands the domain %j', (domain, link) => {
    expect(referralLink('abc', domain, template)).toBe(link)
    expect(domainNote({ custom_domain: domain })).toBeNull()
  })

  it('keeps no port of the template on a domain of its own', () => {
    expect(referralLink('abc', 'join.example.org', 'http://localhost:3000/r/{referral_code}')).toBe('https://join.example.org/r/abc')
  })

  it.each([
    'evil.example/path',
    'evil.example?query',
    'evil.example#part',
    'user@example.org',
    'https://user:word@example.org',
    '127.0.0.1',
    '0x7f.1',
    '[::1]',
    'localhost',
    'javascript:alert(1)',
    'ftp://example.org',
    'a..b.org',
    '-a.org',
    'two words.example',
  ])('is never made of the domain %s, and that is said', (domain) => {
    expect(referralLink('abc', domain, template)).toBe('https://example.com/join?ref=abc')
    expect(domainNote({ custom_domain: domain })).toBe('custom-domain-not-understood')
  })

  it.each([null, '', ' '])('says nothing of no domain (%j)', (domain) => {
    expect(domainNote({ custom_domain: domain })).toBeNull()
  })
})
