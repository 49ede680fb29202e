/** RFC 2047, 2: an encoded word has at most 75 characters, and a line that holds one at most 76. */
const WORD = 75
const LINE = 76

/** Unstructured text, such as a subject, as a whole field with its CRLF; no field without text. The text holds no control characters. */
export function textField(name: string, text: string): string {
  if (text === '') return ''
  return isPlain(text) ? `${folded(`${name}: ${text}`)}\r\n` : `${name}: ${encodedWords(text, name.length + 2)}\r\n`
}

/** A field whose value is a word of another rule (a URL in angle brackets, a Message-ID, a date): never encoded. */
export function tokenField(name: string, value: string): string {
  return name.length + 2 + value.length <= LINE ? `${name}: ${value}\r\n` : `${name}:\r\n ${value}\r\n`
}

/** One mailbox (RFC 5322, 3.4) as a whole field. The address is one that needs no quoting. */
export function mailboxField(name: string, mailbox: { readonly address: string; readonly name: string }): string {
  if (mailbox.name === '') return tokenField(name, mailbox.address)
  const before = `${name}: ${phraseOf(mailbox.name, name.length + 2)}`
  const column = before.length - (before.lastIndexOf('\n') + 1)
  const gap = column + mailbox.address.length + 3 > LINE ? '\r\n ' : ' '
  return `${before}${gap}<${mailbox.address}>\r\n`
}

/** Printable ASCII that no reader takes for an encoded word and that folding does not change. */
function isPlain(text: string): boolean {
  return /^(?:[\x21-\x7E]+(?: [\x21-\x7E]+)*)?$/.test(text) && !text.includes('=?')
}

/** Breaks at blanks (RFC 5322, 2.2.3); a word longer than a line stays whole. */
function folded(field: string): string {
  if (field.length <= LINE) return field
  let out = ''
  let line = ''
  for (const word of field.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > LINE && !line.endsWith(':')) {
      out += `${line}\r\n`
      line = ` ${word}`
    } else line = line === '' && out === '' ? word : `${line} ${word}`
  }
  return out + line
}

function phraseOf(name: string, from: number): string {
  // A longer phrase would have to be folded inside its quotes, which some readers do not undo.
  if (!isPlain(name) || name.length > LINE - from - 2) return encodedWords(name, from)
  return /^[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*$/.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`
}

/**
 * The text as encoded words of UTF-8, folded; blanks between two of them do not count, so each carries its own.
 *
 * @param from the column at which the first word begins
 */
function encodedWords(text: string, from: number): string {
  const encode = isMostlyAscii(text) ? qEncoded : bEncoded
  const words: string[] = []
  let word = ''
  let space = Math.min(WORD, LINE - from) - FRAME
  for (const character of text) {
    if (word !== '' && encode.lengthOf(word, character) > space) {
      words.push(encode.word(word))
      word = ''
      // A line of its own, behind a blank.
      space = WORD - FRAME
    }
    word += character
  }
  words.push(encode.word(word))
  return words.join('\r\n ')
}

/** `=?UTF-8?Q?` and `?=`. */
const FRAME = 12

interface WordEncoding {
  /** What the text of a word takes with one more character. */
  lengthOf(word: string, character: string): number
  word(text: string): string
}

const bEncoded: WordEncoding = {
  lengthOf: (word, character) => Math.ceil(Buffer.byteLength(word + character) / 3) * 4,
  word: (text) => `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`,
}

const qEncoded: WordEncoding = {
  lengthOf: (word, character) => qText(word).length + qText(character).length,
  word: (text) => `=?UTF-8?Q?${qText(text)}?=`,
}

/** RFC 2047, 5 (3): what may stand as it is in a phrase may stand anywhere. */
function qText(text: string): string {
  let out = ''
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte)
    if (byte === 0x20) out += '_'
    else if (/[A-Za-z0-9!*+/-]/.test(character)) out += character
    else out += `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}

function isMostlyAscii(text: string): boolean {
  return Buffer.byteLength(text) < text.length * 1.5
}
