import type { MailMessage } from '../delivery/email/mail-message.ts'
import type { MailType, TemplateSource, TemplateValues } from '../delivery/email/mail-template.ts'
import type { Json, JsonObject } from '../delivery/intent.ts'
import { eligibilityColumns, eligibilityJoins, type EligibilityRow } from './eligibility.ts'

/** What a mail to a person is made of, beside its template: read at every attempt, never taken from the event. */
export interface PersonRow extends EligibilityRow {
  readonly now: Date
  readonly email: string
  readonly first_name: string | null
  readonly last_name: string | null
  readonly position: number
  readonly referral_code: string
  readonly verified_referral_count: number
  readonly campaign_name: string
  readonly campaign_slug: string
  readonly email_config: JsonObject
  readonly branding_config: JsonObject
  readonly company_name: string
  readonly template_id: string | null
  readonly template_subject: string | null
  readonly template_html: string | null
  readonly template_text: string | null
  readonly template_updated_at: Date | null
}

/** What a statement selects to get a {@link PersonRow}; it names the tables `u`, `c`, `a` and `t`. */
export const personColumns = `now() AS now, ${eligibilityColumns},
  u.email, u.first_name, u.last_name, u.position, u.referral_code, u.verified_referral_count,
  c.name AS campaign_name, c.slug AS campaign_slug, c.email_config, c.branding_config, a.name AS company_name,
  t.id AS template_id, t.subject AS template_subject, t.html_body AS template_html, t.text_body AS template_text,
  t.updated_at AS template_updated_at`

/**
 * Campaign, account and template of the person `u`. `$template` is a condition over `t`: the campaign's enabled template that
 * sends by itself, the oldest when there are several; none gives nulls, and the built-in one is used.
 */
export const personJoins = (template: string) => `${eligibilityJoins}
  LEFT JOIN LATERAL (
    SELECT t.id, t.subject, t.html_body, t.text_body, t.updated_at FROM email_templates t
     WHERE t.campaign_id = u.campaign_id AND ${template} AND t.enabled AND t.deleted_at IS NULL
     ORDER BY t.created_at, t.id LIMIT 1) t ON true`

/** Template of a type that the platform knows. The type is ours, never a caller's text. */
export const sentByItself = (type: MailType) => `t.type = '${type}' AND t.send_automatically`

export interface PersonMailSettings {
  /** Links of campaigns without a domain of their own; `{referral_code}` stands for the code. */
  readonly referralLinkTemplate: string | undefined
}

/** The mail of `type` to this person, with `values` of its own beside the person's. */
export function mailTo(
  settings: PersonMailSettings,
  row: PersonRow,
  mail: { type: MailType; campaignId: string; userId: string; values?: TemplateValues },
): MailMessage {
  const name = [row.first_name, row.last_name].filter(Boolean).join(' ')
  const from = { address: text(row.email_config['from_email']), name: text(row.email_config['from_name']) ?? row.campaign_name }
  const replyTo = text(row.email_config['reply_to'])
  return {
    type: mail.type,
    campaignId: mail.campaignId,
    userId: mail.userId,
    to: name === '' ? { address: row.email } : { address: row.email, name },
    from: from.address === undefined ? { name: from.name } : { address: from.address, name: from.name },
    ...(replyTo === undefined ? {} : { replyTo }),
    template: templateOf(row, mail.type),
    templateId: row.template_id,
    values: {
      first_name: row.first_name,
      last_name: row.last_name,
      email: row.email,
      position: row.position,
      referral_code: row.referral_code,
      referral_link: referralLink(settings, row),
      referral_count: row.verified_referral_count,
      campaign_name: row.campaign_name,
      campaign_slug: row.campaign_slug,
      company_name: row.company_name,
      ...mail.values,
    },
    branding: {
      logoUrl: text(row.branding_config['logo_url']),
      primaryColor: text(row.branding_config['primary_color']),
      companyName: row.company_name,
    },
  }
}

function templateOf(row: PersonRow, type: MailType): TemplateSource {
  if (row.template_id === null) return { from: 'built-in', type }
  return {
    from: 'campaign',
    identity: { id: row.template_id, updatedAt: row.template_updated_at ?? new Date(0) },
    subject: row.template_subject ?? '',
    html: row.template_html,
    text: row.template_text,
  }
}

/** Null without a domain and without a template: a mail without a link is better than a link to nowhere. */
function referralLink(settings: PersonMailSettings, row: PersonRow): string | null {
  const domain = text(row.branding_config['custom_domain'])
  const code = encodeURIComponent(row.referral_code)
  if (domain !== undefined && /^[a-z0-9.-]+(:\d+)?$/i.test(domain)) return `https://${domain}/?ref=${code}`
  return settings.referralLinkTemplate?.replaceAll('{referral_code}', code) ?? null
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}
