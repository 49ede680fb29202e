import { TemplateError } from '../../delivery/email/mail-template.ts'
import type {
  Branding,
  CampaignTemplate,
  MailType,
  RenderedMail,
  TemplateEngine,
  TemplateSource,
  TemplateValues,
  UnknownVariable,
} from '../../delivery/email/mail-template.ts'
import { builtInView } from './templates/built-in-view.ts'
import { documentedVariables, prepareBuiltIn, prepareCampaignTemplate } from './templates/prepared-template.ts'
import type { PreparedTemplate } from './templates/prepared-template.ts'
import { renderHtml, renderPlain } from './templates/template-part.ts'
import type { View } from './templates/template-part.ts'
import { tidyText } from './templates/text-from-html.ts'

export interface TemplateEngineOptions {
  /** Called once per template version and variable, as long as the version is among the last 10,000 that were read. */
  readonly onUnknownVariable?: (unknown: UnknownVariable) => void
  /** How many campaign template versions are kept prepared; one takes a few times the size of its source. Default 200. */
  readonly cachedTemplates?: number
}

/**
 * Renders by mustache. Parsing, style inlining and the derived text or HTML are done once per template version; a mail costs
 * only the filling of the tags. Creating an engine reads and prepares the built-ins.
 */
export function createTemplateEngine(options: TemplateEngineOptions = {}): TemplateEngine {
  const builtIns = prepareBuiltIns()
  const campaigns = new CampaignTemplates(options.cachedTemplates ?? 200, options.onUnknownVariable ?? (() => undefined))
  return {
    render(source: TemplateSource, values: TemplateValues, branding: Branding): RenderedMail {
      const view = viewOf(values)
      return source.from === 'built-in' ? fill(builtIns[source.type], builtInView(view, branding)) : fill(campaigns.get(source), view)
    },
  }
}

function prepareBuiltIns(): Readonly<Record<MailType, PreparedTemplate>> {
  return {
    welcome: prepareBuiltIn('welcome'),
    verification: prepareBuiltIn('verification'),
    position_update: prepareBuiltIn('position_update'),
    reward_earned: prepareBuiltIn('reward_earned'),
    milestone: prepareBuiltIn('milestone'),
    reward_delivery: prepareBuiltIn('reward_delivery'),
  }
}

function fill(template: PreparedTemplate, view: View): RenderedMail {
  const text = renderPlain(template.text, view)
  return {
    subject: oneLine(renderPlain(template.subject, view)),
    html: renderHtml(template.html, view),
    text: template.tidy ? tidyText(text) : text,
  }
}

/**
 * A subject ends up in a header: a line break in a name would begin the next one. Controls that reorder text go as well, so
 * that a name cannot rewrite the words around it.
 */
function oneLine(subject: string): string {
  return subject
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/[\u200E\u200F\u202A-\u202E\u2066-\u2069]/g, '')
    .replace(/ {2,}/g, ' ')
    .trim()
}

/** Only own, documented, plain values, whatever object was passed: nothing callable and nothing inherited gets through. */
function viewOf(values: TemplateValues): View {
  const view: Record<string, string | number> = Object.create(null)
  for (const name of documentedVariables) {
    if (!Object.hasOwn(values, name)) continue
    const value: unknown = values[name]
    if (typeof value === 'string') view[name] = withoutControls(value)
    else if (typeof value === 'number' && Number.isFinite(value)) view[name] = value
  }
  return view
}

// oxlint-disable-next-line no-control-regex -- the control characters are what is looked for; tab and line breaks may stay
const controls = /[\0-\x08\x0B\x0C\x0E-\x1F\x7F]/

function withoutControls(value: string): string {
  return controls.test(value) ? value.replace(new RegExp(controls, 'g'), '') : value
}

/** Prepared campaign templates, the most recently used ones; a version that cannot be used is remembered as its error. */
class CampaignTemplates {
  readonly #kept = new Map<string, { readonly source: CampaignTemplate; readonly result: PreparedTemplate | TemplateError }>()
  /** Versions whose unknown variables were reported; outlives `#kept`, so that a version coming back is not counted again. */
  readonly #reported = new Set<string>()
  readonly #limit: number
  readonly #onUnknown: (unknown: UnknownVariable) => void

  constructor(limit: number, onUnknown: (unknown: UnknownVariable) => void) {
    this.#limit = limit
    this.#onUnknown = onUnknown
  }

  /** @throws {TemplateError} */
  get(source: CampaignTemplate): PreparedTemplate {
    const version = `${source.identity.id}@${source.identity.updatedAt.getTime()}`
    const hit = this.#kept.get(version)
    const kept = hit !== undefined && sameText(hit.source, source) ? hit : { source, result: this.#prepare(source, version) }
    // A Map keeps the order of insertion: the first key is the one that was not used for longest.
    this.#kept.delete(version)
    this.#kept.set(version, kept)
    dropOldest(this.#kept, this.#limit)
    if (kept.result instanceof TemplateError) throw kept.result
    return kept.result
  }

  #prepare(source: CampaignTemplate, version: string): PreparedTemplate | TemplateError {
    try {
      const prepared = prepareCampaignTemplate(source)
      this.#report(source.identity.id, version, prepared.unknown)
      return prepared
    } catch (error) {
      if (error instanceof TemplateError) return error
      throw error
    }
  }

  #report(template: string, version: string, unknown: readonly string[]): void {
    if (unknown.length === 0 || this.#reported.has(version)) return
    this.#reported.add(version)
    dropOldest(this.#reported, 10_000)
    for (const variable of unknown) this.#onUnknown({ template, variable })
  }
}

/** `updated_at` is another program's to keep, to the millisecond as we see it: the text itself decides. */
function sameText(a: CampaignTemplate, b: CampaignTemplate): boolean {
  return a.subject === b.subject && a.html === b.html && a.text === b.text
}

function dropOldest(kept: Map<string, unknown> | Set<string>, limit: number): void {
  for (const key of kept.keys()) {
    if (kept.size <= limit) return
    kept.delete(key)
  }
}
