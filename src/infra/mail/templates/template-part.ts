import mustache from 'mustache'
import type { EncodedText } from '../../../delivery/email/mime.ts'
import { quotedPrintable } from '../mime/quoted-printable.ts'

/** One part of a template (subject, HTML or text), parsed once and rendered many times. */
export interface TemplatePart {
  readonly tokens: readonly Token[]
}

/** The variables that a template may name; what is not in here renders empty. */
export type Vocabulary = ReadonlySet<string>

/** A mail's values as mustache looks them up: without a prototype, so that no inherited name can resolve. */
export type View = Readonly<Record<string, string | number | readonly string[]>>

/**
 * Parses a part and rewrites what a template must not do:
 * - `{{{name}}}` and `{{&name}}` become `{{name}}`, because a value is never markup;
 * - an unknown variable or section and every partial are dropped, and reported; `{{^unknown}}` keeps its content.
 *
 * After this only names of the vocabulary are left, so that mustache's own look-up, which would find `constructor` or break on
 * `{{hasOwnProperty}}`, never sees a foreign name.
 *
 * @throws {Error} one sentence, when the part does not parse.
 */
export function parsePart(source: string, vocabulary: Vocabulary, onUnknown: (variable: string) => void): TemplatePart {
  // mustache puts text together character by character: V8 keeps that as a chain of sixty bytes a character. A copy is flat.
  return { tokens: structuredClone(admit(parse(source), vocabulary, onUnknown, false)) }
}

/** Renders a part as plain text, for subject and text. */
export function renderPlain(part: TemplatePart, view: View): string {
  return render(part.tokens, view, String)
}

/** HTML whose static text is encoded for the wire, so that filling it encodes only the values. */
export interface EncodedPart {
  readonly encoded: readonly Token[]
}

export function encodePart(part: TemplatePart): EncodedPart {
  return { encoded: encodeTokens(part.tokens) }
}

function encodeTokens(tokens: readonly Token[]): readonly Token[] {
  return tokens.map(([kind, value, start, end, content]): Token => {
    if (kind === 'text') return [kind, quotedPrintable(value), start, end]
    return content === undefined ? [kind, value, start, end] : [kind, value, start, end, encodeTokens(content)]
  })
}

/** Fills encoded HTML: each value is escaped for elements and for quoted attributes, then encoded. */
export function renderEncodedHtml(part: EncodedPart, view: View): EncodedText {
  // oxlint-disable-next-line no-unsafe-type-assertion -- made of nothing but encoded pieces
  return render(part.encoded, view, (value) => quotedPrintable(escapeHtml(value))) as EncodedText
}

export function escapeHtml(value: unknown): string {
  const text = String(value)
  return /[&<>"'`]/.test(text) ? text.replace(/[&<>"'`]/g, (character) => entities[character] ?? character) : text
}

/** mustache's token: kind, name or text, start, end; a section also holds its content. */
export type Token = readonly [kind: string, value: string, start: number, end: number, content?: readonly Token[]]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** A writer keeps every template it ever parsed, so that each parse gets one of its own. */
function parse(source: string): readonly Token[] {
  if (/\{\{\s*=/.test(source)) throw new Error('changes the tag delimiters, which is not supported')
  try {
    const tokens: readonly Token[] = new mustache.Writer().parse(source)
    return tokens
  } catch (error) {
    throw new Error(faultOf(error), { cause: error })
  }
}

/** mustache names the fault and quotes the tag, which is whatever the author wrote: kept where it is a name. */
function faultOf(error: unknown): string {
  const text = error instanceof Error ? error.message : 'cannot be read'
  const line = text.replace(/"([^]*)"/, (_, tag: string) => `"${nameOnly(tag)}"`)
  return line.charAt(0).toLowerCase() + line.slice(1)
}

/** Fit for log and `email_logs`, where an address or whole sentences that stand in a tag have no place. */
export function nameOnly(tag: string): string {
  return /^(?:> )?[\w.-]{1,60}$/.test(tag) ? tag : '...'
}

function admit(
  tokens: readonly Token[],
  vocabulary: Vocabulary,
  onUnknown: (variable: string) => void,
  inSection: boolean,
): readonly Token[] {
  return tokens.flatMap((token): readonly Token[] => {
    const [kind, name, start, end, content = []] = token
    const known = vocabulary.has(name) || (name === '.' && inSection)
    switch (kind) {
      case 'text':
        return [token]
      case '!':
        return []
      case '#':
        if (known) return [['#', name, start, end, admit(content, vocabulary, onUnknown, true)]]
        break
      case '^':
        if (known) return [['^', name, start, end, admit(content, vocabulary, onUnknown, inSection)]]
        onUnknown(name)
        return admit(content, vocabulary, onUnknown, inSection)
      case 'name':
      case '&':
        if (known) return [['name', name, start, end]]
        break
      default:
    }
    onUnknown(kind === '>' ? `> ${name}` : name)
    return []
  })
}

const writer = new mustache.Writer()

function render(parsed: readonly Token[], view: View, escape: (value: unknown) => string): string {
  const context = new mustache.Context(view)
  // oxlint-disable-next-line no-unsafe-type-assertion -- the declared type of the tokens is flat, the writer walks nested ones
  const tokens = parsed as unknown as string[][]
  return writer.renderTokens(tokens, context, undefined, undefined, { escape })
}
