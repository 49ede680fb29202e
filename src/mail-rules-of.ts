import type { Config } from '../config/load.ts'
import { allowedRecipients } from './consumers/allowed-recipients.ts'
import type { MailRules } from './consumers/mail-rules.ts'
import { unsubscribeLinks } from './consumers/unsubscribe-link.ts'

/** The operator's rules about mail, ready to be asked. */
export function mailRulesOf({ mail }: Config): MailRules {
  const template = mail.unsubscribeUrlTemplate
  return {
    maxEventAgeMs: mail.maxEventAgeMs,
    isAllowed: allowedRecipients(mail.allowedRecipients),
    unsubscribeLink: template === undefined ? null : unsubscribeLinks(template, mail.unsubscribeSecret),
  }
}
