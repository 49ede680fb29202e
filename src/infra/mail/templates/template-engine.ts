import type { MailType, TemplateSource, TemplateValues } from '../../../delivery/email/mail-message.ts'
import { TemplateError } from '../../../delivery/email/mail-template.ts'
import type {
  RenderedBodies,
  StoredValues,
  TemplateEngine,
  TemplateVersion,
  UnknownVariable,
} from '../../../delivery/email/mail-template.ts'
import { quotedPrintable } from '../mime/quoted-printable.ts'
import { readBuiltIn } from './built-in-template.ts'
import { builtInView } from './built-in-view.ts'
import { KnownVersions, versionOfText } from './known-versions.ts'
import { documentedVariables, prepareBuiltIn } from './prepared-template.ts'
import type { PreparedTemplate } from './prepared-template.ts'
import { TemplateCompiler } from './template-compiler.ts'
import type { Compiled, TemplateCompilerOptions } from './template-compiler.ts'
import { renderEncodedHtml, renderPlain } from './template-part.ts'
import type { View } from './template-part.ts'
import { tidyText } from './text-from-html.ts'

export interface TemplateEngineOptions extends TemplateCompilerOptions {
  /** Called once per template version and variable, as long as the version is among the last 10,000 that were read. */
  readonly onUnknownVariable?: (unknown: UnknownVariable) => void
  /** What the compiled campaign templates may retain together, in bytes; the one used last always stays. Default 32 MiB. */
  readonly cacheBytes?: number
}

/**
 * Renders by mustache. Parsing, style inlining and the derived text or HTML are done once per text of a template, in a worker
 * thread, and so is the encoding of the HTML; a mail costs the filling of the tags and the encoding of its values. Creating an engine
 * reads and prepares the built-ins.
 */
export function createTemplateEngine(options: TemplateEngineOptions = {}): TemplateEngine {
  const builtIns = prepareBuiltIns()
  const ofBuild = new Map(Object.values(builtIns).map(({ version, template }) => [version.hash, template]))
  const compiler = new TemplateCompiler(options)
  const compiledTemplates = new CompiledTemplates(compiler, options)
  const versions = new KnownVersions()

  function versionOf(source: TemplateSource): TemplateVersion {
    return source.from === 'built-in' ? builtIns[source.type].version : versions.of(source)
  }

  /** @param id whose unknown variables are reported; null: they were when the mail was first rendered. */
  async function templateOf(version: TemplateVersion, id: string | null): Promise<PreparedTemplate> {
    const ours = ofBuild.get(version.hash)
    if (ours !== undefined) return ours
    const compiled = await compiledTemplates.get(version, id)
    if (compiled.is === 'unusable') throw new TemplateError(compiled.sentence, compiled.reason)
    return compiled.template
  }

  return {
    versionOf,
    async ready(source, signal) {
      if (source.from === 'campaign') await unlessAborted(compiledTemplates.get(versionOf(source), source.id), signal)
    },
    async render(source, values, branding) {
      const view = viewOf(values)
      const [template, filled] =
        source.from === 'built-in'
          ? [builtIns[source.type].template, builtInView(view, branding)]
          : [await templateOf(versionOf(source), source.id), view]
      const named = only(template.names, filled)
      return { subject: oneLine(renderPlain(template.subject, filled)), ...bodiesOf(template, named), values: named }
    },
    async renderAgain(version, values) {
      return bodiesOf(await templateOf(version, null), storedView(values))
    },
    close: () => compiler.close(),
  }
}

/** @throws the reason of `signal`, when it aborts first */
async function unlessAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

type Prepared = { readonly version: TemplateVersion; readonly template: PreparedTemplate }

function prepare(type: MailType): Prepared {
  const version = versionOfText({ from: 'built-in', ...readBuiltIn(type) })
  return { version, template: prepareBuiltIn(version.text) }
}

function prepareBuiltIns(): Readonly<Record<MailType, Prepared>> {
  return {
    welcome: prepare('welcome'),
    verification: prepare('verification'),
    position_update: prepare('position_update'),
    reward_earned: prepare('reward_earned'),
    milestone: prepare('milestone'),
    reward_delivery: prepare('reward_delivery'),
  }
}

function bodiesOf(template: PreparedTemplate, view: View): RenderedBodies {
  const text = renderPlain(template.text, view)
  return { html: renderEncodedHtml(template.html, view), text: quotedPrintable(template.tidy ? tidyText(text) : text) }
}

/** What a template names, as it is stored: well-formed, since JSON in the database takes nothing else. */
function only(names: readonly string[], view: View): Stored {
  const named: Record<string, string | number | readonly string[]> = Object.create(null)
  for (const name of names) {
    const value = view[name]
    if (value === undefined) continue
    named[name] =
      typeof value === 'number' ? value : typeof value === 'string' ? value.toWellFormed() : value.map((line) => line.toWellFormed())
  }
  return named
}

type Stored = Readonly<Record<string, string | number | readonly string[]>>

function storedView(values: StoredValues): View {
  const view: Record<string, string | number | readonly string[]> = Object.create(null)
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'string' || typeof value === 'number') view[name] = value
    else if (Array.isArray(value)) view[name] = value.filter((line) => typeof line === 'string')
  }
  return view
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

/** Compiled templates by their version, the most recently used ones; one that cannot be used is remembered as its fault. */
class CompiledTemplates {
  readonly #kept = new Map<string, Compiled>()
  readonly #compiling = new Map<string, Promise<Compiled>>()
  /** Versions whose unknown variables were reported; outlives `#kept`, so that a version coming back is not counted again. */
  readonly #reported = new Set<string>()
  readonly #compiler: TemplateCompiler
  readonly #limit: number
  readonly #onUnknown: (unknown: UnknownVariable) => void
  #bytes = 0

  constructor(compiler: TemplateCompiler, options: TemplateEngineOptions) {
    this.#compiler = compiler
    this.#limit = options.cacheBytes ?? 32 * 1024 * 1024
    this.#onUnknown = options.onUnknownVariable ?? (() => undefined)
  }

  /** @param id whose unknown variables are reported; null for none. @throws {TemplateCompilerUnavailable} */
  async get(version: TemplateVersion, id: string | null): Promise<Compiled> {
    const compiled = this.#kept.get(version.hash) ?? (await this.#compile(version))
    this.#use(version.hash, compiled)
    if (compiled.is === 'compiled' && id !== null) this.#report(id, version.hash, compiled.template.unknown)
    return compiled
  }

  /** Each template is compiled once, however many mails use it. */
  #compile({ hash, text }: TemplateVersion): Promise<Compiled> {
    const underway = this.#compiling.get(hash)
    if (underway !== undefined) return underway
    const compiling = this.#compiler.compile(text).finally(() => this.#compiling.delete(hash))
    this.#compiling.set(hash, compiling)
    return compiling
  }

  /** A Map keeps the order of insertion: the first key is the one that was not used for longest. */
  #use(key: string, compiled: Compiled): void {
    if (this.#kept.delete(key)) this.#bytes -= costOf(compiled)
    this.#kept.set(key, compiled)
    this.#bytes += costOf(compiled)
    for (const [oldest, dropped] of this.#kept) {
      if (this.#bytes <= this.#limit || this.#kept.size === 1) return
      this.#kept.delete(oldest)
      this.#bytes -= costOf(dropped)
    }
  }

  #report(template: string, key: string, unknown: readonly string[]): void {
    if (unknown.length === 0) return
    const version = `${template} ${key}`
    if (this.#reported.has(version)) return
    this.#reported.add(version)
    for (const oldest of this.#reported) {
      if (this.#reported.size <= 10_000) break
      this.#reported.delete(oldest)
    }
    for (const variable of unknown) this.#onUnknown({ template, variable })
  }
}

/** A key, its entry in the map and the sentence of a fault: half a kilobyte. */
function costOf(compiled: Compiled): number {
  return 512 + (compiled.is === 'compiled' ? compiled.bytes : 0)
}
