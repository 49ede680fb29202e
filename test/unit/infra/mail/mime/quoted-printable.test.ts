import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quotedPrintable } from '../../../../../src/infra/mail/mime/quoted-printable.ts'

/** RFC 2045, 6.7, read backwards, byte by byte. */
function decoded(body: string): string {
  const bytes = body.replaceAll('=\r\n', '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** Characters at which encoders go wrong, and everything else. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom('=', '.', ' ', '\t', '\n', '\r\n', '\r', 'é', '🎉', '\ud800', '\0', 'x'.repeat(75), 'y'.repeat(76)),
      fc.string({ unit: 'binary' }),
    ),
  )
  .map((pieces) => pieces.join(''))

const canonical = (plain: string) =>
  plain
    .replaceAll(/\r\n|\r/g, '\n')
    .toWellFormed()
    .replaceAll('\n', '\r\n')

describe('quoted-printable text', () => {
  test('decodes to what was encoded, with every line break as CRLF', () => {
    fc.assert(
      fc.property(text, (plain) => {
        expect(decoded(quotedPrintable(plain))).toBe(canonical(plain))
      }),
      { numRuns: 1_000 },
    )
  })

  test('has lines of at most 76 printable characters of ASCII, none with a blank at its end or a dot at its start', () => {
    fc.assert(
      fc.property(text, (plain) => {
        const lines = quotedPrintable(plain).split('\r\n')
        expect(lines.pop()).toBe('')
        for (const line of lines) expect(line).toMatch(/^(?!\.)(?:[\t\x20-\x7E]{0,75}[\x21-\x7E])?$/)
      }),
      { numRuns: 1_000 },
    )
  })

  test('of two pieces joined decodes to the two texts joined', () => {
    // CR and LF of one line break in two pieces would be two.
    const whole = text.filter((plain) => !plain.endsWith('\r'))
    fc.assert(
      fc.property(whole, text, (first, second) => {
        expect(decoded(quotedPrintable(first) + quotedPrintable(second))).toBe(canonical(first) + canonical(second))
      }),
    )
  })

  test.each([
    ['', ''],
    ['a', 'a=\r\n'],
    ['a\n', 'a\r\n'],
    ['a \n b', 'a=20\r\n b=\r\n'],
    ['.\n..', '=2E\r\n=2E.=\r\n'],
    ['1 = 1', '1 =3D 1=\r\n'],
    ['é\n', '=C3=A9\r\n'],
    ['x'.repeat(76), `${'x'.repeat(75)}=\r\nx=\r\n`],
    [`${'x'.repeat(76)}\n`, `${'x'.repeat(76)}\r\n`],
    [`${'x'.repeat(74)}é`, `${'x'.repeat(74)}=\r\n=C3=A9=\r\n`],
  ])('%j', (plain, encoded) => {
    expect(quotedPrintable(plain)).toBe(encoded)
  })
})
