/** The mails that exist. `reward_delivery` hands the reward over; `reward_earned` only says that there is one. */
export type MailType = 'welcome' | 'verification' | 'position_update' | 'reward_earned' | 'milestone' | 'reward_delivery'

/** A value is plain text or a number; absent, null and the empty string all mean "has none" and render empty. */
export type TemplateValue = string | number | null | undefined

/** Every variable that a template may use, as the platform documents them. */
export interface TemplateValues {
  readonly first_name?: TemplateValue
  readonly last_name?: TemplateValue
  readonly email?: TemplateValue
  readonly position?: TemplateValue
  readonly referral_code?: TemplateValue
  readonly referral_link?: TemplateValue
  readonly referral_count?: TemplateValue
  readonly campaign_name?: TemplateValue
  readonly campaign_slug?: TemplateValue
  readonly company_name?: TemplateValue
  readonly reward_name?: TemplateValue
  readonly reward_description?: TemplateValue
  readonly reward_type?: TemplateValue
  readonly reward_code?: TemplateValue
  readonly reward_details?: TemplateValue
  /** As the event names it; the built-in mail writes `1000_participants` as "1,000 participants". */
  readonly milestone?: TemplateValue
  readonly participant_count?: TemplateValue
  /** Only in mails that one can unsubscribe from, where the operator has configured it. */
  readonly unsubscribe_link?: TemplateValue
}

/**
 * `campaigns.branding_config`, as stored: anyone who runs a campaign may have written it. The engine uses a logo only from an
 * absolute http(s) URL and a colour only as `#rgb` or `#rrggbb`; everything else counts as not set.
 */
export interface Branding {
  readonly logoUrl?: string | null | undefined
  readonly primaryColor?: string | null | undefined
  readonly companyName?: string | null | undefined
}

/** A row of `email_templates`. Its texts are its version: `updated_at` moves for other reasons, too, and is another program's to keep. */
export interface CampaignTemplate {
  readonly from: 'campaign'
  readonly id: string
  readonly subject: string
  readonly html: string | null
  readonly text: string | null
}

/** The template that the worker ships for this type. */
export interface BuiltInTemplate {
  readonly from: 'built-in'
  readonly type: MailType
}

export type TemplateSource = CampaignTemplate | BuiltInTemplate

/** Ready to be put into a message: `subject` is one line without control characters. */
export interface RenderedMail {
  readonly subject: string
  readonly html: string
  readonly text: string
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
