import type { EncodedText } from '../../../delivery/email/mime.ts'

/** RFC 2045, 6.7 (5): 76 characters with the `=` of a soft line break. */
const LINE = 76

const nothing = quoted('')

/** A line that may stand as it is: printable, without `=`, no blank at its end, and no dot at its start. */
const plainLine = /^(?!\.)[\t\x20-\x3C\x3E-\x7E]{0,75}[\x21-\x3C\x3E-\x7E]$/

/**
 * Text as quoted-printable UTF-8 (RFC 2045, 6.7) in complete lines: it begins at the start of a line and ends with CRLF, a hard line
 * break where the text has one, a soft one (`=`) elsewhere. Texts that are encoded apart can therefore be joined in any order, and
 * decode to the texts joined: a template is encoded once, and a mail encodes only its values.
 *
 * Line breaks of any kind become CRLF; half a surrogate pair becomes U+FFFD. No line begins with a dot, so that
 * the message needs no dot-stuffing on its way (RFC 5321, 4.5.2).
 */
export function quotedPrintable(text: string): EncodedText {
  if (text === '') return nothing
  const lines = (text.includes('\r') ? text.replaceAll('\r\n', '\n').replaceAll('\r', '\n') : text).toWellFormed().split('\n')
  const last = lines.pop() ?? ''
  let encoded = ''
  for (const line of lines) encoded += line === '' || plainLine.test(line) ? `${line}\r\n` : `${encodedLine(line, true)}\r\n`
  if (last !== '') encoded += plainLine.test(last) && last.length < LINE ? `${last}=\r\n` : `${encodedLine(last, false)}=\r\n`
  return quoted(encoded)
}

function quoted(text: string): EncodedText {
  // oxlint-disable-next-line no-unsafe-type-assertion -- the brand exists for the compiler alone
  return text as EncodedText
}

/** @param ends whether a hard line break follows, before which no blank may stand (RFC 2045, 6.7 (3)) */
function encodedLine(line: string, ends: boolean): string {
  let out = ''
  let column = 0
  for (let at = 0; at < line.length; at++) {
    const code = line.codePointAt(at) ?? 0
    if (code > 0xffff) at++
    const isBlank = code === 0x20 || code === 0x09
    let token: string
    if (code > 0x7e || code === 0x3d || (code < 0x20 && code !== 0x09)) token = escaped(code)
    else if (column === 0 && code === 0x2e) token = '=2E'
    else if (isBlank && ends && at === line.length - 1) token = escaped(code)
    else token = String.fromCharCode(code)
    if (column + token.length >= LINE) {
      out += '=\r\n'
      column = 0
      if (code === 0x2e) token = '=2E'
    }
    out += token
    column += token.length
  }
  return out
}

/** The UTF-8 bytes of a character, each as `=XX`. A character is never split over two lines. */
function escaped(code: number): string {
  if (code < 0x80) return hex(code)
  if (code < 0x800) return hex(0xc0 | (code >> 6)) + hex(0x80 | (code & 0x3f))
  if (code < 0x10000) return hex(0xe0 | (code >> 12)) + hex(0x80 | ((code >> 6) & 0x3f)) + hex(0x80 | (code & 0x3f))
  return hex(0xf0 | (code >> 18)) + hex(0x80 | ((code >> 12) & 0x3f)) + hex(0x80 | ((code >> 6) & 0x3f)) + hex(0x80 | (code & 0x3f))
}

function hex(byte: number): string {
  return octets[byte] ?? ''
}

const octets = Array.from({ length: 256 }, (_, byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`)
