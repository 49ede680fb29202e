import type { TemplateValues } from '../../../delivery/email/mail-message.ts'
import type { TemplateText } from '../../../delivery/email/mail-template.ts'
import { builtInExtras } from './built-in-view.ts'
import { encodePart, parsePart } from './template-part.ts'
import type { EncodedPart, TemplatePart, Token } from './template-part.ts'

/** A template version with all work done that does not depend on the recipient. */
export interface PreparedTemplate {
  readonly subject: TemplatePart
  readonly html: EncodedPart
  readonly text: TemplatePart
  /** The text was made or written by us; an author's own text keeps its blank lines. */
  readonly tidy: boolean
  /** The variables that the bodies name, each once. */
  readonly names: readonly string[]
  /** Each name once. */
  readonly unknown: readonly string[]
}

/** The documented variables (app-schema: template variables). */
export const documentedVariables = [
  'first_name',
  'last_name',
  'email',
  'position',
  'referral_code',
  'referral_link',
  'referral_count',
  'campaign_name',
  'campaign_slug',
  'company_name',
  'reward_name',
  'reward_description',
  'reward_type',
  'reward_code',
  'reward_details',
  'milestone',
  'participant_count',
  'unsubscribe_link',
] as const satisfies readonly (keyof TemplateValues)[]

/** Prepares a built-in's text, put together by us, now or by an older build. */
export function prepareBuiltIn({ subject, html, text }: TemplateText): PreparedTemplate {
  const unknown = new Set<string>()
  const parse = (source: string | null): TemplatePart => parsePart(source ?? '', builtInVocabulary, (variable) => unknown.add(variable))
  return prepared({ subject: parse(subject), html: parse(html), text: parse(text), tidy: true, unknown })
}

/** Encodes the parsed parts of a template and lists what their bodies name. */
export function prepared(
  of: Record<'subject' | 'html' | 'text', TemplatePart> & { tidy: boolean; unknown: ReadonlySet<string> },
): PreparedTemplate {
  const { subject, html, text, tidy, unknown } = of
  const names = new Set([...namesIn(html.tokens), ...namesIn(text.tokens)])
  return { subject, html: encodePart(html), text, tidy, names: [...names], unknown: [...unknown] }
}

function namesIn(tokens: readonly Token[]): readonly string[] {
  return tokens.flatMap(([kind, name, , , content = []]) => [...(kind === 'text' || name === '.' ? [] : [name]), ...namesIn(content)])
}

const builtInVocabulary: ReadonlySet<string> = new Set([...documentedVariables, ...builtInExtras])

/** What a prepared template keeps on the heap, in bytes: its strings, flat, and what V8 adds to each token. */
export function retainedBytes({ subject, html, text }: PreparedTemplate): number {
  return [subject.tokens, html.encoded, text.tokens].reduce((bytes, tokens) => bytes + bytesOf(tokens), TOKEN_BYTES)
}

/** An array of five with its elements, and the header of a string. */
const TOKEN_BYTES = 160

function bytesOf(tokens: readonly Token[]): number {
  return tokens.reduce((bytes, [, value, , , content = []]) => bytes + TOKEN_BYTES + stringBytes(value) + bytesOf(content), 0)
}

/** V8 keeps a string in one byte a character as long as all of them are Latin-1, in two otherwise. */
function stringBytes(value: string): number {
  return /[^\0-\xFF]/.test(value) ? 2 * value.length : value.length
}
