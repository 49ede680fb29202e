import type { LookupAddress } from 'node:dns'
import { describe, expect, it } from 'vitest'
import { AddressRefused, createAddressGuard, type Resolve } from '../../../../src/infra/http/address-guard.ts'
import { webhookUrl } from '../../../../src/infra/http/webhook-url.ts'
import { answeringResolver, failingResolver } from './answering-resolver.ts'

const guard = createAddressGuard({ allowCidr: [] })

describe('an address', () => {
  it.each(['8.8.8.8', '1.1.1.1', '100.63.255.255', '172.32.0.1', '2606:4700:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
    expect(guard.allows(address)).toBe(true)
  })

  it.each([
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'this network'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.169.254', 'link local, where clouds keep credentials'],
    ['100.64.0.1', 'carrier-grade NAT'],
    ['192.0.0.8', 'IETF protocol assignments'],
    ['192.0.2.1', 'documentation'],
    ['198.18.0.1', 'benchmarking'],
    ['203.0.113.1', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'mapped loopback'],
    ['::ffff:7f00:1', 'mapped loopback in hexadecimal'],
    ['::ffff:10.0.0.1', 'mapped private'],
    ['::127.0.0.1', 'IPv4-compatible loopback'],
    ['::8.8.8.8', 'IPv4-compatible, as look-ups write it: no address of the world'],
    ['::8.8.8.8%eth0', 'the same with a zone'],
    ['0:0:0:0:0:0:8.8.8.8', 'the same in full'],
    ['::808:808', 'the same in hexadecimal'],
    ['::ffff:0:8.8.8.8', 'IPv4-translated'],
    ['64:ff9b::8.8.8.8', 'NAT64 of a public address'],
    ['::ffff:127.0.0.1%lo', 'mapped loopback with a zone'],
    ['64:ff9b::7f00:1', 'NAT64'],
    ['64:ff9b:1::1', 'local NAT64'],
    ['2002:7f00:1::', '6to4'],
    ['2001::1', 'Teredo'],
    ['2001:db8::1', 'documentation'],
    ['fc00::1', 'unique local'],
    ['fd12:3456::1', 'unique local'],
    ['fe80::1', 'link local'],
    ['fe80::1%eth0', 'link local with a zone'],
    ['fec0::1', 'site local'],
    ['ff02::1', 'multicast'],
    ['100::1', 'discard'],
    ['5f00::1', 'segment routing'],
    ['4000::1', 'given out to nobody'],
    ['example.com', 'no address'],
    ['', 'nothing'],
  ])('%s is refused: %s', (address) => {
    expect(guard.allows(address)).toBe(false)
  })

  it('of an allowed network is allowed in every notation, a neighbouring one is not', () => {
    const open = createAddressGuard({ allowCidr: ['127.0.0.0/8', 'fd00:1::/32'] })
    expect(['127.0.0.1', '127.9.9.9', '::ffff:127.0.0.1', 'fd00:1::5'].map((address) => open.allows(address))).toEqual([
      true,
      true,
      true,
      true,
    ])
    expect(['128.0.0.1', '10.0.0.1', '::1', 'fd00:2::5'].map((address) => open.allows(address))).toEqual([true, false, false, false])
    // Other ways to say 127.0.0.1 that do not lead there.
    expect(['::127.0.0.1', '::7f00:1', '64:ff9b::7f00:1', '2002:7f00:1::'].map((address) => open.allows(address))).toEqual([
      false,
      false,
      false,
      false,
    ])
    const all4 = createAddressGuard({ allowCidr: ['0.0.0.0/0'] })
    expect(['169.254.169.254', '::1', 'fd00::1', '::127.0.0.1'].map((address) => all4.allows(address))).toEqual([true, false, false, false])
    const all6 = createAddressGuard({ allowCidr: ['::/0'] })
    expect(['::1', '::127.0.0.1', '127.0.0.1', '::ffff:127.0.0.1'].map((address) => all6.allows(address))).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('list that is no list of networks is refused at once', () => {
    expect(() => createAddressGuard({ allowCidr: ['localhost'] })).toThrow('CIDR')
  })
})

describe('a host written as a number', () => {
  it.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.0.0.1/',
    'http://0177.0.0.1/',
    'http://017700000001/',
    'http://127.1/',
    'http://127.0.1/',
    'http://0/',
    'http://127.0.0.1./',
    'http://①②⑦.0.0.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[0:0:0:0:0:ffff:7f00:0001]/',
    'http://[::]/',
    'http://169.254.169.254/latest/meta-data/',
  ])('%s is recognised', (text) => {
    const url = webhookUrl(text)
    expect(url).not.toBeNull()
    expect(() => guard.checkLiteral(url?.hostname ?? '')).toThrow(AddressRefused)
  })

  it('passes when it is public; a name is checked at its lookup', () => {
    for (const hostname of ['8.8.8.8', '[2606:4700:4700::1111]', 'example.com']) expect(() => guard.checkLiteral(hostname)).not.toThrow()
  })
})

describe('a URL', () => {
  it.each([
    'https://example.com/hook?x=1',
    'http://example.com',
    'https://example.com:8443/',
    'http://example.com:443/',
    'HTTPS://EXAMPLE.COM/',
  ])('%s may be called', (text) => {
    expect(webhookUrl(text)).not.toBeNull()
  })

  it.each([
    '',
    'example.com/hook',
    'ftp://example.com/',
    'file:///etc/passwd',
    'gopher://example.com/',
    'ws://example.com/',
    'https://user@example.com/',
    'https://user:secret@example.com/',
    'https://:secret@example.com/',
    'http://example.com:25/',
    'http://example.com:22/',
    'http://example.com:0/',
    'http://1.2.3.4.5/',
    'http://256.256.256.256/',
    'http://[fe80::1%25eth0]/',
    'http://exa mple.com/',
  ])('%s may not', (text) => {
    expect(webhookUrl(text)).toBeNull()
  })
})

describe('a name', () => {
  it('with public addresses only resolves to them', async () => {
    const resolve = answeringResolver(['8.8.8.8', '2606:4700:4700::1111'])
    await expect(look(resolve, true)()).resolves.toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700:4700::1111', family: 6 },
    ])
    await expect(look(resolve, false)()).resolves.toBe('8.8.8.8')
  })

  it.each([
    ['a private address', ['10.0.0.1']],
    ['a public and a private address', ['8.8.8.8', '127.0.0.1']],
    ['a public and a mapped private address', ['8.8.8.8', '::ffff:192.168.0.1']],
    ['a private and a public address', ['fd00::1', '8.8.8.8']],
  ])('with %s is refused, whichever would be connected to', async (_what, addresses) => {
    await expect(look(answeringResolver(addresses), true)()).rejects.toThrow(AddressRefused)
    await expect(look(answeringResolver(addresses), false)()).rejects.toThrow(AddressRefused)
  })

  it('is checked at every lookup: the second answer of a rebinding name is refused', async () => {
    const lookAgain = look(answeringResolver(['8.8.8.8'], ['127.0.0.1']), true)
    await expect(lookAgain()).resolves.toHaveLength(1)
    await expect(lookAgain()).rejects.toThrow(AddressRefused)
  })

  it('without an address is not found', async () => {
    await expect(look(answeringResolver([]), true)()).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })

  it('that cannot be resolved keeps its error', async () => {
    await expect(look(failingResolver('EAI_AGAIN'), true)()).rejects.toMatchObject({ code: 'EAI_AGAIN' })
  })
})

/** One look-up of a name through the guard, as often as it is called. */
function look(resolve: Resolve, all: boolean): () => Promise<string | LookupAddress[]> {
  const { lookup } = createAddressGuard({ allowCidr: [], resolve })
  return () =>
    new Promise((done, fail) => {
      lookup('hook.example.com', { all }, (error, address) => (error === null ? done(address) : fail(error)))
    })
}
