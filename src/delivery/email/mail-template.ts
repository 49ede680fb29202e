import type { Branding, TemplateSource, TemplateValues } from './mail-message.ts'
import type { EncodedText } from './mime.ts'

/** Ready to be put into a message: `subject` is one line without control characters, the bodies are encoded. */
export interface RenderedMail {
  readonly subject: string
  readonly html: EncodedText
  readonly text: EncodedText
}

export interface TemplateEngine {
  /**
   * Compiles the template, unless it is compiled already, so that {@link render} need not wait. A template that cannot be used is
   * no failure here: `render` says so.
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
  /** Idempotent; what is being compiled rejects. */
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

/** Nothing can be compiled now; the fault of no template. */
export class TemplateCompilerUnavailable extends Error {
  override readonly name = 'TemplateCompilerUnavailable'
}
