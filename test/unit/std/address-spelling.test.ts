import { describe, expect, it } from 'vitest'
import { canonicalAddress, spellingsOf } from '../../../src/std/address-spelling.ts'

const same = [
  'j\u00f6rg@b\u00fccher.example',
  'J\u00d6RG@B\u00dcCHER.Example',
  'jo\u0308rg@bu\u0308cher.example',
  'j\u00f6rg@xn--bcher-kva.example',
  'J\u00f6rg@XN--BCHER-KVA.example',
]

describe('the canonical form of an address', () => {
  it('is the same for all spellings of a mailbox', () => {
    expect(new Set(same.map(canonicalAddress))).toEqual(new Set(['j\u00f6rg@xn--bcher-kva.example']))
  })

  it.each([
    ['Guest@Example.COM', 'guest@example.com'],
    ['*@B\u00fccher.example', '*@xn--bcher-kva.example'],
    ['ann@ex\u0430mple.com', 'ann@xn--exmple-4nf.com'],
    ['*@*.example.com', '*@*.example.com'],
    ['*', '*'],
    ['', ''],
  ])('of %j is %j', (address, canonical) => {
    expect(canonicalAddress(address)).toBe(canonical)
  })
})

describe('the spellings of an address', () => {
  it('are just the canonical one for plain ASCII', () => {
    expect(spellingsOf('Guest@Example.COM')).toEqual(['guest@example.com'])
  })

  it('include those of every other spelling, in lower case', () => {
    for (const address of same) expect(spellingsOf(address)).toEqual(expect.arrayContaining(same.map((one) => one.toLowerCase())))
  })

  it('include the form written by a database whose locale lowers ASCII only', () => {
    expect(spellingsOf('J\u00d6RG@example.com')).toContain('j\u00d6rg@example.com')
    expect(spellingsOf('j\u00f6rg@example.com')).toContain('j\u00d6rg@example.com')
    expect(canonicalAddress('a@b\u00fccher\u3002example')).toBe('a@xn--bcher-kva.example')
    expect(spellingsOf('a@xn--bcher-kva.example')).toContain('a@b\u00dccher.example')
  })
})
