import type { Intent, Json } from '../../model/intent.ts'
import type { MailMessage } from '../../delivery/email/mail-message.ts'
import { templateOf } from '../campaign-template.ts'
import { personMail } from '../person-mail.ts'
import type { FoundReward } from './reward-row.ts'

/** The mail that delivers the reward. A code that is not assigned yet is added when the delivery starts. */
export function rewardMail(row: FoundReward, _intent: Intent, referralLinkTemplate: string | null): MailMessage {
  const person = personMail(row, referralLinkTemplate)
  return {
    ...person,
    type: 'reward_delivery',
    template: templateOf(row, 'reward_delivery'),
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

/** The platform stores any JSON type; a mail shows text and numbers only. */
function textOf(value: Json): string {
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value).trim()
}
