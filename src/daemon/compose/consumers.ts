import type { Config } from '../../../config/load.ts'
import { allowedRecipients } from '../../consumers/allowed-recipients.ts'
import { createConsumers, listedConsumers } from '../../consumers/registry.ts'
import type { MailRules } from '../../consumers/mail-rules.ts'
import { unsubscribeLinks } from '../../consumers/unsubscribe-link.ts'
import { knownEvents } from '../../events/catalogue/catalogue.ts'
import { checkConsumers } from '../../ingest/check-consumers.ts'
import { kindsOf, type Consumer } from '../../model/consumer.ts'
import { goesToRelay } from './channels.ts'

/** The groups that need a relay: a delivery of theirs goes there. */
export const mailGroups: readonly string[] = listedConsumers
  .filter((consumer) => kindsOf(consumer).some(({ channel }) => goesToRelay(channel)))
  .map(({ name }) => name)

/**
 * Creates all consumers with the operator's rules.
 *
 * @throws {OperatorError} a consumer is invalid, or the schema of an event.
 */
export function composeConsumers(config: Config): readonly Consumer[] {
  knownEvents.compile()
  const consumers = createConsumers({
    missingRowWaitMs: config.delivery.missingRowWaitMs,
    positionMailMaxWaitMs: config.mail.positionMaxWaitMs,
    referralLinkTemplate: config.mail.referralLinkTemplate ?? null,
    rules: rulesOf(config),
  })
  checkConsumers(consumers)
  return consumers
}

function rulesOf({ mail }: Config): MailRules {
  const template = mail.unsubscribeUrlTemplate
  return {
    maxEventAgeMs: mail.maxEventAgeMs,
    isAllowed: allowedRecipients(mail.allowedRecipients),
    unsubscribeLink: template === undefined ? null : unsubscribeLinks(template, mail.unsubscribeSecret),
  }
}
