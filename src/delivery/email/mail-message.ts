import type { Branding, MailType, TemplateSource, TemplateValues } from './mail-template.ts'

/** A mail as `prepare` describes it: who, from whom, which template, with which values. Rendered when it is started. */
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
