import type { Branding, TemplateSource, TemplateValues } from './mail-message.ts'
import type { JsonObject } from '../../model/intent.ts'
import type { EncodedText } from './mime.ts'

/** Values as they are stored with an intent: JSON. */
export type StoredValues = JsonObject

/** The bodies of a mail, encoded. */
export interface RenderedBodies {
  readonly html: EncodedText
  readonly text: EncodedText
}

/** Ready to be put into a message: `subject` is one line without control characters. */
export interface RenderedMail extends RenderedBodies {
  readonly subject: string
  /** The values of the variables that the bodies name: {@link TemplateEngine.renderAgain} renders the same bodies from them. */
  readonly values: StoredValues
}

/** The text of a template, by which its version is known: that of a campaign as its author wrote it, that of a built-in put together. */
export interface TemplateText {
  readonly from: 'campaign' | 'built-in'
  readonly subject: string
  readonly html: string | null
  readonly text: string | null
}

/** `hash` is of nothing but `text`. */
export interface TemplateVersion {
  readonly hash: string
  readonly text: TemplateText
}

export interface TemplateEngine {
  /** The version that {@link render} would use now. */
  versionOf(source: TemplateSource): TemplateVersion
  /**
   * Compiles the template, unless it is compiled already, so that {@link render} need not wait. A template that cannot be used is
   * not a failure here: `render` throws for it.
   *
   * @throws {TemplateCompilerUnavailable}
   * @throws the reason of `signal`, once it has aborted.
   */
  ready(source: TemplateSource, signal: AbortSignal): Promise<void>
  /**
   * Fills a template. Values are HTML-escaped in the HTML part, however the template writes the tag, and never read as a
   * template themselves. Unknown variables render empty and are reported once per template version.
   *
   * @throws {TemplateError} the template itself cannot be used; no retry of this version will help.
   * @throws {TemplateCompilerUnavailable}
   */
  render(source: TemplateSource, values: TemplateValues, branding: Branding): Promise<RenderedMail>
  /**
   * The bodies of a mail that was rendered before, from the version and the values of that time: the same to the byte.
   *
   * @throws {TemplateError}
   * @throws {TemplateCompilerUnavailable}
   */
  renderAgain(version: TemplateVersion, values: StoredValues): Promise<RenderedBodies>
  /** Idempotent; compilations in progress reject. */
  close(): Promise<void>
}

/** A variable that no template may use, found while a template version was first read. `template` is its id, or the type of a built-in. */
export interface UnknownVariable {
  readonly template: string
  readonly variable: string
}

/** `template-too-costly`: compiling took too long or too much memory. Both are reasons of an intent. */
export type TemplateFault = 'template-error' | 'template-too-costly'

/**
 * This version of a template cannot be used. The message is one sentence fit for `email_logs.error_message`: it names the
 * part and the fault and holds no value of any recipient.
 */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  readonly reason: TemplateFault

  constructor(sentence: string, reason: TemplateFault = 'template-error') {
    super(sentence)
    this.reason = reason
  }
}

/** Nothing can be compiled now; not the fault of a template. */
export class TemplateCompilerUnavailable extends Error {
  override readonly name = 'TemplateCompilerUnavailable'
}
