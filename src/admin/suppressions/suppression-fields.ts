import { OperatorError } from '../../std/failure.ts'
import { uuidOf } from '../intents/intent-filter.ts'
import { requestFields } from '../request-fields.ts'
import { requireShowable } from '../showable-text.ts'
import { knownWord } from '../unknown-word.ts'
import type { NewSuppression } from './suppression-admin.ts'

/** What is to be suppressed, and the operator's word for it. */
export interface SuppressionRequest extends NewSuppression {
  readonly owner: string
  readonly because: string
}

const suppressionFields = {
  account: 'the id of the account whose mails stop',
  address: 'one plain mail address, such as guest@example.com',
  reason: 'bounced (no mail at all) or unsubscribed (no position and milestone mails)',
  owner: 'who can be asked about it, such as a team',
  because: 'why, in one line without the address',
}

/**
 * A suppression as a request over HTTP gives it.
 *
 * @throws {OperatorError} naming the field that is wrong, and the way out; never with the address.
 */
export function suppressionOfFields(body: Readonly<Record<string, unknown>>): SuppressionRequest {
  const fields = requestFields(body, suppressionFields)
  const accountId = uuidOf('account', fields.text('account'))
  const address = fields.text('address').trim()
  // Only a rough check: the address that the platform has on record counts.
  if (!/^[^\s\p{Cc}]+@[^\s\p{Cc}@]+$/u.test(address) || address.length > 320)
    throw new OperatorError(`address is not a mail address: give ${suppressionFields.address}.`)
  return {
    accountId,
    address,
    reason: knownWord('reason', fields.text('reason'), ['bounced', 'unsubscribed']),
    owner: requireShowable('owner', fields.text('owner')),
    because: requireShowable('because', fields.text('because')),
  }
}

/** What an operator must know about a suppression that is on record, one sentence each. */
export function suppressionSentences({ reason }: Pick<NewSuppression, 'reason'>, isNew: boolean): readonly string[] {
  return [
    reason === 'bounced'
      ? 'The address gets no mail of this account.'
      : 'The address gets no position and milestone mails of this account.',
    isNew ? 'Mails that workers take a second later or after that are skipped.' : 'It was on record before: nothing has changed.',
    'workerctl suppressions remove allows mail again.',
  ]
}
