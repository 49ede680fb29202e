import type { Command } from 'commander'
import type { IntentAdmin, IntentFilter } from '../../src/admin/intents/intent-admin.ts'
import { requireKnownNames } from '../../src/admin/intents/intent-filter.ts'
import { intentReasons } from '../../src/admin/intents/intent-reasons.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { mailTypes } from '../../src/delivery/email/mail-message.ts'
import type { Sql } from '../../src/std/sql.ts'
import { kindsOf } from '../../src/model/consumer.ts'
import { addPersonOptions, personOption, type PersonOptions } from './person-option.ts'

/** The options that select intents; `intentFilter` reads them. */
export function addIntentFilter(command: Command): Command {
  return addPersonOptions(command)
    .option('--state <states>', 'one or more states separated by commas, such as dead')
    .option('--reason <reasons>', 'one or more reasons separated by commas, such as no-endpoint (see docs/reference/states.md)')
    .option('--group <groups>', 'one or more groups, with or without KAFKA_GROUP_PREFIX')
    .option('--kind <kinds>', 'one or more kinds or mail types, such as reward,welcome')
    .option('--destination <ids>', 'for a webhook endpoint (its id in webhooks)')
    .option('--campaign <uuid>', 'of a campaign')
    .option('--account <uuid>', 'of all campaigns of an account')
    .option('--event <uuid>', 'created by an event')
}

const known = {
  reasons: intentReasons,
  kinds: [...new Set([...listedConsumers.flatMap(kindsOf).map(({ kind }) => kind), ...mailTypes])],
}

/**
 * How to complete the filter by the person whom --email names; null without that option. Nothing is read yet.
 *
 * @throws {OperatorError} --user is given too, or the address is malformed.
 */
export function personFilter(options: PersonOptions): ((filter: IntentFilter, sql: Sql) => Promise<IntentFilter>) | null {
  const find = personOption(options)
  if (find === null || options.email === undefined) return null
  return async (filter, sql) => ({ ...filter, userId: await find(sql, filter.campaignId) })
}

/** @throws {OperatorError} a reason or kind of the filter does not exist. */
export function requireExistingNames(filter: IntentFilter, admin: IntentAdmin): Promise<void> {
  return requireKnownNames(filter, known, () => admin.names())
}
