import { expect, it } from 'vitest'
import { maskedAddress } from '../../../src/std/masked-address.ts'

it.each([
  ['guest@example.com', 'g***@example.com'],
  ['örtlich@example.com', 'ö***@example.com'],
  ['"a@b"@example.com', '"***@example.com'],
  ['@example.com', '***'],
  ['guest', '***'],
])('%s is shown as %s', (address, shown) => {
  expect(maskedAddress(address)).toBe(shown)
})
