import type { MailMessage } from '../delivery/email/mail-message.ts'
import type { AddressRow } from './mail-rules.ts'

/**
 * What all mails to participants share: recipient, sender, branding, and the template variables of the person. Read when the mail is
 * prepared, never taken from the event.
 */
export interface PersonRow {
  readonly user_id: string
  readonly email: string
  readonly first_name: string | null
  readonly last_name: string | null
  readonly position: number
  readonly referral_code: string
  readonly referral_count: number
  readonly campaign_id: string
  readonly campaign_name: string
  readonly campaign_slug: string
  readonly from_name: string | null
  readonly from_email: string | null
  readonly reply_to: string | null
  readonly logo_url: string | null
  readonly primary_color: string | null
  readonly custom_domain: string | null
  readonly company_name: string
}

/** What a statement selects to get a {@link PersonRow}; it names the tables `u`, `c` and `a`. */
export const personColumns = `
  u.id AS user_id, u.email, u.first_name, u.last_name, u.position, u.referral_code, u.referral_count,
  c.id AS campaign_id, c.name AS campaign_name, c.slug AS campaign_slug,
  c.email_config->>'from_name' AS from_name, c.email_config->>'from_email' AS from_email, c.email_config->>'reply_to' AS reply_to,
  c.branding_config->>'logo_url' AS logo_url, c.branding_config->>'primary_color' AS primary_color,
  c.branding_config->>'custom_domain' AS custom_domain,
  a.name AS company_name`

export type PersonMail = Pick<MailMessage, 'campaignId' | 'userId' | 'to' | 'from' | 'replyTo' | 'values' | 'branding'>

/** `referralLinkTemplate` holds `{referral_code}` (`REFERRAL_LINK_TEMPLATE`). */
export function personMail(row: PersonRow & Pick<AddressRow, 'address'>, referralLinkTemplate: string | null): PersonMail {
  return {
    campaignId: row.campaign_id,
    userId: row.user_id,
    to: { address: row.address },
    from: { ...(row.from_email ? { address: row.from_email } : {}), ...(row.from_name ? { name: row.from_name } : {}) },
    ...(row.reply_to ? { replyTo: row.reply_to } : {}),
    values: {
      first_name: row.first_name,
      last_name: row.last_name,
      email: row.email,
      position: row.position,
      referral_code: row.referral_code,
      referral_link: referralLink(row.referral_code, row.custom_domain, referralLinkTemplate),
      referral_count: row.referral_count,
      campaign_name: row.campaign_name,
      campaign_slug: row.campaign_slug,
      company_name: row.company_name,
    },
    branding: { logoUrl: row.logo_url, primaryColor: row.primary_color, companyName: row.company_name },
  }
}

/**
 * The referral link by the template; on the campaign's own domain, if it has one, with the template's path (`/r/` and the code without a
 * template). Null without both: a mail without a link is better than one with a wrong link.
 */
export function referralLink(code: string, customDomain: string | null, template: string | null): string | null {
  const filled = (from: string): string => from.replaceAll('{referral_code}', encodeURIComponent(code))
  const domain = originOf(customDomain)
  if (domain === null) return template === null ? null : filled(template)
  const own = URL.parse(filled(template ?? 'https://example.com/r/{referral_code}'))
  if (own === null) return null
  own.protocol = domain.protocol
  own.host = domain.hostname
  own.port = domain.port
  return own.href
}

/** The note on a mail whose referral link is the default one although its campaign names a domain: which of the two is meant is unknown. */
export const domainNotUnderstood = 'custom-domain-not-understood'

export function domainNote({ custom_domain: domain }: Pick<PersonRow, 'custom_domain'>): string | null {
  return domain === null || domain.trim() === '' || originOf(domain) !== null ? null : domainNotUnderstood
}

/**
 * The host of a domain as people write it: with or without scheme, port and final slash or dot, in Unicode or punycode; https unless
 * it says http. It is a tenant's input, so only a public host name is accepted: no path, user or IP
 * address.
 */
function originOf(domain: string | null): URL | null {
  const text = domain?.trim() ?? ''
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return null
  url.hostname = url.hostname.replace(/\.$/, '')
  return domainName.test(url.hostname) && url.href === `${url.origin}/` ? url : null
}

const domainName = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/
