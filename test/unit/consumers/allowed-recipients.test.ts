import { describe, expect, it } from 'vitest'
import { allowedRecipients } from '../../../src/consumers/allowed-recipients.ts'

const allowed = allowedRecipients(['*@example.com', 'qa-*@example.org', 'one.two+x@example.net'])

describe('allowed recipients', () => {
  it.each(['ann@example.com', 'ANN@Example.COM', 'qa-1@example.org', 'QA-@example.org', 'one.two+x@example.net'])(
    '%s is one',
    (address) => {
      expect(allowed(address)).toBe(true)
    },
  )

  it.each([
    'ann@example.org',
    'ann@example.com.evil.example',
    'ann@sub.example.com',
    'ann@exampleXcom',
    'xqa-1@example.org',
    'oneXtwo+x@example.net',
    'ann@example.com\n',
    'ann@example.org\nbob@example.co',
    'ann@ex\u0430mple.com',
    '',
  ])('%j is none', (address) => {
    expect(allowed(address)).toBe(false)
  })

  it('are compared in their canonical form', () => {
    const pattern = allowedRecipients(['*@b\u00fccher.example'])
    expect(['a@B\u00dcCHER.example', 'a@xn--bcher-kva.example', 'a@bu\u0308cher.example'].map(pattern)).toEqual([true, true, true])
    expect(allowedRecipients(['*@xn--bcher-kva.example'])('a@b\u00fccher.example')).toBe(true)
    expect(pattern('a@bucher.example')).toBe(false)
  })

  it('are all where nothing is said', () => {
    expect(allowedRecipients(undefined)('anybody@example.org')).toBe(true)
  })
})
