import type { MailType, TemplateSource } from '../delivery/email/mail-template.ts'

/** The campaign's template of a mail; all null when it has none. */
export interface TemplateRow {
  readonly template_id: string | null
  readonly template_subject: string | null
  readonly template_html: string | null
  readonly template_text: string | null
  readonly template_updated_at: Date | null
}

/** What a statement selects to get a {@link TemplateRow}; it names {@link templateJoin}'s table `t`. */
export const templateColumns = `
  t.id AS template_id, t.subject AS template_subject, t.html_body AS template_html, t.text_body AS template_text,
  t.updated_at AS template_updated_at`

/**
 * The enabled template of the person `u`'s campaign that meets `condition` (SQL over `t`, ours alone): the oldest when there
 * are several.
 */
export function templateJoin(condition: string): string {
  return `LEFT JOIN LATERAL (
    SELECT t.id, t.subject, t.html_body, t.text_body, t.updated_at FROM email_templates t
     WHERE t.campaign_id = u.campaign_id AND ${condition} AND t.enabled AND t.deleted_at IS NULL
     ORDER BY t.created_at, t.id LIMIT 1) t ON true`
}

/** The campaign's template, or the built-in one of this type. */
export function templateOf(row: TemplateRow, type: MailType): TemplateSource {
  if (row.template_id === null) return { from: 'built-in', type }
  return {
    from: 'campaign',
    identity: { id: row.template_id, updatedAt: row.template_updated_at ?? new Date(0) },
    subject: row.template_subject ?? '',
    html: row.template_html,
    text: row.template_text,
  }
}
