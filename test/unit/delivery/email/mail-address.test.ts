import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAddress } from '../../../../src/delivery/email/mail-address.ts'

describe('parseAddress', () => {
  it.each([
    ['ann@example.org', 'ann@example.org'],
    ['Ann.Lee+list@Mail.Example.org', 'Ann.Lee+list@Mail.Example.org'],
    ["o'neil_{x}@example.org", "o'neil_{x}@example.org"],
    ['ann@bücher.example', 'ann@xn--bcher-kva.example'],
    ['zoë@example.org', 'zoë@example.org'],
    ['ann@localhost', 'ann@localhost'],
  ])('takes %s', (text, address) => {
    expect(parseAddress(text)?.address).toBe(address)
  })

  it('gives the domain in lower case', () => {
    expect(parseAddress('ann@Example.ORG')?.domain).toBe('example.org')
  })

  it.each([
    '',
    'ann',
    'ann@',
    '@example.org',
    'ann@example.org,eve@example.com',
    'ann@example.org, eve@example.com',
    'ann,eve@example.org',
    'ann@example.org;eve@example.com',
    'ann@example.org\r\nRCPT TO:<eve@example.com>',
    'ann\n@example.org',
    'ann@example.org\n',
    ' ann@example.org',
    'ann@example.org ',
    'ann lee@example.org',
    '"ann@example.org"@example.com',
    '"ann lee"@example.org',
    'ann@example.org@example.com',
    'Ann <ann@example.org>',
    '<ann@example.org>',
    'ann(comment)@example.org',
    'ann@[127.0.0.1]',
    'ann@127.0.0.1',
    'ann@127.1',
    'ann@-example.org',
    'ann@example-.org',
    'ann@example..org',
    'ann@.example.org',
    'ann@example.org.',
    'ann@ex%61mple.org',
    'ann@exa\tmple.org',
    '.ann@example.org',
    'ann.@example.org',
    'an..n@example.org',
    'ann\0@example.org',
    'ann\u202e@example.org',
    `${'a'.repeat(65)}@example.org`,
    `ann@${'a'.repeat(64)}.org`,
    `ann@${'abc.'.repeat(70)}org`,
  ])('refuses %j', (text) => {
    expect(parseAddress(text)).toBeNull()
  })

  it('whatever it takes holds one @ and nothing that ends an address early', () => {
    const text = fc.oneof(
      fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })).map(([local, domain]) => `${local}@${domain}`),
      fc.string({ unit: fc.constantFrom('a', '@', '.', ',', '"', '<', '>', '\n', ' ', 'é', '-', '1') }),
    )
    for (const value of fc.sample(text, 1_000)) {
      expect(parseAddress(value)?.address ?? 'refused@example.org').toMatch(/^[^\s@,;:<>"()[\]\\]+@[a-z0-9.-]+$/i)
    }
  })
})
