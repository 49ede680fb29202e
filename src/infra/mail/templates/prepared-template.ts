import type { TemplateValues } from '../../../delivery/email/mail-message.ts'
import { TemplateError, type TemplateText } from '../../../delivery/email/mail-template.ts'
import { builtInExtras } from './built-in-view.ts'
import { htmlFromText } from './html-from-text.ts'
import { inlineStyles } from './inline-styles.ts'
import { encodePart, nameOnly, parsePart } from './template-part.ts'
import type { EncodedPart, TemplatePart, Token } from './template-part.ts'
import { textFromHtml } from './text-from-html.ts'

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

/** @throws {TemplateError} see {@link prepareCampaignTemplate}; a built-in's text has been put together by us, now or by an older build. */
export function prepareTemplate(template: TemplateText): PreparedTemplate {
  return template.from === 'campaign' ? prepareCampaignTemplate(template) : prepareBuiltIn(template)
}

function prepareBuiltIn({ subject, html, text }: TemplateText): PreparedTemplate {
  const unknown = new Set<string>()
  const parse = (source: string | null): TemplatePart => parsePart(source ?? '', builtInVocabulary, (variable) => unknown.add(variable))
  return prepared({ subject: parse(subject), html: parse(html), text: parse(text), tidy: true, unknown })
}

function prepared(
  of: Record<'subject' | 'html' | 'text', TemplatePart> & { tidy: boolean; unknown: ReadonlySet<string> },
): PreparedTemplate {
  const { subject, html, text, tidy, unknown } = of
  const names = new Set([...namesIn(html.tokens), ...namesIn(text.tokens)])
  return { subject, html: encodePart(html), text, tidy, names: [...names], unknown: [...unknown] }
}

function namesIn(tokens: readonly Token[]): readonly string[] {
  return tokens.flatMap(([kind, name, , , content = []]) => [...(kind === 'text' || name === '.' ? [] : [name]), ...namesIn(content)])
}

/** @throws {TemplateError} the sentence says which part is at fault. */
function prepareCampaignTemplate(template: TemplateText): PreparedTemplate {
  const { subject } = template
  const html = blankToNull(template.html)
  const text = blankToNull(template.text)
  if (html === null && text === null) throw new TemplateError('The template has neither an HTML nor a text body; write one of them.')
  const unknown = new Set<string>()
  const parse = (part: string, source: string): TemplatePart => {
    refuseHuge(part, source)
    try {
      return parsePart(source, campaignVocabulary, (variable) => unknown.add(nameOnly(variable)))
    } catch (error) {
      const fault = error instanceof Error ? error.message : 'unknown fault'
      throw new TemplateError(`The template's ${part} does not parse: ${fault}. Correct the template, then retry the mail.`)
    }
  }
  const subjectPart = parse('subject', subject)
  const textPart = text === null ? undefined : parse('text body', text)
  const htmlPart = html === null ? undefined : parse('HTML body', html)
  return prepared({
    subject: subjectPart,
    html:
      html === null || htmlPart === undefined
        ? parse('text body', inlineStyles(htmlFromText(text ?? '')))
        : (parsedAgain(inlineStyles, html) ?? htmlPart),
    text: textPart ?? parsedAgain(textFromHtml, html ?? '') ?? parse('HTML body', withoutSections(textFromHtml(html ?? ''))),
    tidy: text === null,
    unknown,
  })
}

const campaignVocabulary: ReadonlySet<string> = new Set(documentedVariables)
const builtInVocabulary: ReadonlySet<string> = new Set([...documentedVariables, ...builtInExtras])

/** Inlining costs time in length times tags: these bounds keep it under about half a second. */
const maxCharacters = 256 * 1024
const maxTags = 1_000

function refuseHuge(part: string, source: string): void {
  if (source.length > maxCharacters) {
    throw new TemplateError(`The template's ${part} has ${source.length} characters; at most ${maxCharacters} are allowed.`)
  }
  const tags = source.split('{{').length - 1
  if (tags > maxTags) throw new TemplateError(`The template's ${part} has ${tags} tags; at most ${maxTags} are allowed.`)
}

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

function blankToNull(source: string | null): string | null {
  return source === null || source.trim() === '' ? null : source
}

/**
 * The template parsed by itself already, so what goes wrong here is ours: markup too deep for the inliner to walk, or a section
 * that began in a style rule or a hidden element and was torn apart. The caller then takes the simpler way.
 */
function parsedAgain(change: (html: string) => string, html: string): TemplatePart | undefined {
  try {
    return parsePart(change(html), campaignVocabulary, () => undefined)
  } catch {
    return undefined
  }
}

function withoutSections(source: string): string {
  return source.replace(/\{\{\s*[#^/][\s\S]*?\}\}/g, '')
}
