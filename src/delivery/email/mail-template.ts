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

/** A row of `email_templates`. The identity names the version: the row changes, `updatedAt` changes. */
export interface CampaignTemplate {
  readonly from: 'campaign'
  readonly identity: { readonly id: string; readonly updatedAt: Date }
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
   * Fills a template. Values are HTML-escaped in the HTML part, however the template writes the tag, and never read as a
   * template themselves. Unknown variables render empty and are reported once per template version.
   *
   * @throws {TemplateError} the template itself cannot be used; no retry of this version will help.
   */
  render(source: TemplateSource, values: TemplateValues, branding: Branding): RenderedMail
}

/** A variable that no template may use, found while a template version was first read. `template` is its id, or the type of a built-in. */
export interface UnknownVariable {
  readonly template: string
  readonly variable: string
}

/**
 * This version of a template cannot be used. The message is one sentence fit for `email_logs.error_message`: it names the
 * part and the fault and holds no value of any recipient.
 */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  readonly templateId: string

  constructor(templateId: string, sentence: string) {
    super(sentence)
    this.templateId = templateId
  }
}
