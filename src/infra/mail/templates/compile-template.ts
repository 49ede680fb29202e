import { TemplateError, type TemplateText } from '../../../delivery/email/mail-template.ts'
import { htmlFromText } from './html-from-text.ts'
import { inlineStyles } from './inline-styles.ts'
import { documentedVariables, prepareBuiltIn, prepared, type PreparedTemplate } from './prepared-template.ts'
import { nameOnly, parsePart, type TemplatePart } from './template-part.ts'
import { textFromHtml } from './text-from-html.ts'

/**
 * Compiles any version of a template. Loads the CSS inliner and may take long, so it is called on the thread of compile-worker.ts only.
 *
 * @throws {TemplateError} the sentence says which part of a campaign's template is at fault.
 */
export function compileTemplate(template: TemplateText): PreparedTemplate {
  return template.from === 'campaign' ? compileCampaignTemplate(template) : prepareBuiltIn(template)
}

function compileCampaignTemplate(template: TemplateText): PreparedTemplate {
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
