import { describe, expect, it } from 'vitest'
import { referralLink } from '../../../src/consumers/person-mail.ts'

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
    'evil.example/path',
    'user@example.org',
    'example.org:8080',
    '127.0.0.1',
    'localhost',
    'javascript:alert(1)',
    'a..b.org',
    '-a.org',
  ])('is never made of the domain %s', (domain) => {
    expect(referralLink('abc', domain, template)).toBe('https://example.com/join?ref=abc')
  })
})
