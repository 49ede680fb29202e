import { foresee, type Foresee, type SubjectOf } from '../../admin/replay/foresee.ts'
import type { MailMessage } from '../../delivery/email/mail-message.ts'
import { TemplateError } from '../../delivery/email/mail-template.ts'
import type { WebhookMessage } from '../../delivery/webhook/webhook-message.ts'
import { createTemplateEngine } from '../../infra/mail/templates/template-engine.ts'
import { kindsOf, type Consumer } from '../../model/consumer.ts'
import { createKindTable } from '../../delivery/kind-table.ts'
import type { Sql } from '../../std/sql.ts'

/**
 * Lets `work` foresee what would become of intents of these consumers by the rows as they are now, with the subjects of their mails as they
 * would be rendered. Nothing is written.
 */
export async function withForesight<Result>(
  of: { readonly consumers: readonly Consumer[]; readonly read: Sql },
  work: (foresee: Foresee) => Promise<Result>,
): Promise<Result> {
  const kinds = createKindTable(of.consumers.flatMap(kindsOf))
  const templates = createTemplateEngine()
  const subjectOf: SubjectOf = async (message) => {
    if (isWebhook(message)) return message.eventType
    if (!isMail(message)) return null
    try {
      return (await templates.render(message.template, message.values, message.branding)).subject
    } catch (error) {
      if (error instanceof TemplateError) return null
      throw error
    }
  }
  try {
    return await work((intents) => foresee(intents, (intent) => kinds.of(intent), of.read, subjectOf))
  } finally {
    await templates.close()
  }
}

function isMail(message: unknown): message is MailMessage {
  return typeof message === 'object' && message !== null && 'template' in message && 'branding' in message
}

function isWebhook(message: unknown): message is WebhookMessage {
  return typeof message === 'object' && message !== null && 'eventType' in message && 'endpointId' in message
}
