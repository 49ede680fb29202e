/** A mail as `prepare` describes it: recipient, sender, template and values. Rendered when it is started. */
export interface MailMessage {
  readonly type: MailType
  readonly campaignId: string
  readonly userId: string
  readonly to: { readonly address: string; readonly name?: string }
  readonly from: { readonly address?: string; readonly name?: string }
  readonly replyTo?: string
  readonly template: TemplateSource
  /** `email_templates.id` of a campaign template; null for a built-in. */
  readonly templateId: string | null
  readonly values: TemplateValues
  readonly branding: Branding
  /** An https URL at which one POST ends mails of this kind (RFC 8058); such a mail says so in its headers. */
  readonly unsubscribeUrl?: string | null
}

/** The types of mail. `reward_delivery` contains the reward; `reward_earned` only announces it. */
export const mailTypes = ['welcome', 'verification', 'position_update', 'reward_earned', 'milestone', 'reward_delivery'] as const

export type MailType = (typeof mailTypes)[number]

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

declare module '../../model/messages.ts' {
  interface Messages {
    readonly email: MailMessage
  }
}
