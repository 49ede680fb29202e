import type { MailType, TemplateSource } from '../delivery/email/mail-message.ts'

/** The campaign's template of a mail; all null when it has none. */
export interface TemplateRow {
  readonly template_id: string | null
  readonly template_subject: string | null
  readonly template_html: string | null
  readonly template_text: string | null
}

/** What a statement selects to get a {@link TemplateRow}; it names {@link templateJoin}'s table `t`. */
export const templateColumns = `
  t.id AS template_id, t.subject AS template_subject, t.html_body AS template_html, t.text_body AS template_text`

/**
 * The enabled template of the person `u`'s campaign that meets `condition` (SQL over `t`, ours alone). Several are variants of
 * one mail, chosen in proportion to their weights; one of weight 0 is never chosen.
 *
 * By weighted rendezvous hashing: the hash of variant and person is a number x in (0, 1), and the variant with the least
 * -ln(x) / weight wins. Every attempt and process therefore chooses the same variant, and adding or changing a variant moves people
 * only to or from it. md5 is the same on every server.
 * https://datatracker.ietf.org/doc/html/draft-ietf-bess-weighted-hrw
 */
export function templateJoin(condition: string): string {
  return `LEFT JOIN LATERAL (
    SELECT t.id, t.subject, t.html_body, t.text_body FROM platform.email_templates t
     WHERE t.campaign_id = u.campaign_id AND ${condition} AND t.enabled AND t.deleted_at IS NULL AND coalesce(t.variant_weight, 100) > 0
     ORDER BY -ln((('x' || left(md5(t.id::text || u.id::text), 12))::bit(48)::bigint + 0.5::float8) / 2::float8 ^ 48)
              / coalesce(t.variant_weight, 100), t.id
     LIMIT 1) t ON true`
}

/** The campaign's template, or the built-in one of this type. */
export function templateOf(row: TemplateRow, type: MailType): TemplateSource {
  if (row.template_id === null) return { from: 'built-in', type }
  return {
    from: 'campaign',
    id: row.template_id,
    subject: row.template_subject ?? '',
    html: row.template_html,
    text: row.template_text,
  }
}
