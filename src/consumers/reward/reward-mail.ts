import type { Intent, Json } from '../../delivery/intent.ts'
import type { MailMessage } from '../../delivery/email/mail-message.ts'
import type { TemplateSource } from '../../delivery/email/mail-template.ts'
import { personMail } from '../person-mail.ts'
import type { FoundReward } from './reward-row.ts'

/** The mail that hands the reward over. A code that is yet to be made is added when the delivery starts. */
export function rewardMail(row: FoundReward, _intent: Intent, referralLinkTemplate: string | null): MailMessage {
  const person = personMail(row, referralLinkTemplate)
  return {
    ...person,
    type: 'reward_delivery',
    template: templateOf(row),
    templateId: row.template_id,
    values: {
      ...person.values,
      reward_name: row.reward_name,
      reward_description: row.reward_description,
      reward_type: row.reward_type,
      reward_code: row.code,
      reward_details: [row.value, row.instructions].map(textOf).filter(Boolean).join('\n'),
    },
  }
}

export function withMailCode(message: MailMessage, code: string | null): MailMessage {
  return { ...message, values: { ...message.values, reward_code: code } }
}

function templateOf(row: FoundReward): TemplateSource {
  if (row.template_id === null || row.template_updated_at === null) return { from: 'built-in', type: 'reward_delivery' }
  return {
    from: 'campaign',
    identity: { id: row.template_id, updatedAt: row.template_updated_at },
    subject: row.template_subject ?? '',
    html: row.template_html,
    text: row.template_text,
  }
}

/** The platform keeps a value of any JSON type; a person reads text and numbers. */
function textOf(value: Json): string {
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value).trim()
}
