import { instantOf } from '../../std/instant.ts'
import { awaySentence } from '../explain-event.ts'
import type { DeliveryRows, IntentHistory } from './intent-admin.ts'

/** The history of an intent, one line per step. No address: it is in the mail's row, for those who may read the platform's tables. */
export function historySentences(history: IntentHistory): readonly string[] {
  const { outcome } = history
  return [
    `Intent ${history.id} of ${history.group}: ${history.kind}${history.type === null ? '' : ` ${history.type}`} by ${history.channel}, class ${history.class}.`,
    `Key ${history.key}; campaign ${history.campaignId}${history.userId === null ? '' : `; person ${history.userId}`}${reward(history)}.`,
    outcome === null
      ? history.eventId === null
        ? 'No event caused it.'
        : `Event ${history.eventId} has no outcome of this group on record.`
      : `Event ${history.eventId} (${outcome.type}) happened at ${history.eventAt?.toISOString() ?? 'an unknown time'}; the group accepted it from ` +
        `partition ${outcome.partition}, offset ${outcome.offset}, at ${iso(outcome.at)}: ${outcome.outcome}.`,
    `Created at ${history.createdAt.toISOString()}. ${stateSentence(history)}`,
    `Attempts ${history.attempt}, claims ${history.claims}, times in doubt ${history.ambiguous}.`,
    history.frozenBytes === null
      ? history.state === 'sent' || history.state === 'delivered'
        ? 'Its content was deleted once it was sent; nothing sends it again.'
        : 'Nothing is frozen: the next attempt is composed from the current rows.'
      : `${history.frozenBytes} bytes are frozen${history.messageId === null ? '' : ` under Message-ID ${history.messageId}`}: every attempt sends them.`,
    ...Object.values(rowSentences).flatMap((sentence) => sentence(history) ?? []),
  ]
}

/** The rows in delivery logs; a log without a sentence does not compile. */
const rowSentences: Readonly<Record<keyof DeliveryRows, (history: IntentHistory) => string | null>> = {
  mail: ({ mail }) =>
    mail && `email_logs ${mail.id}: ${mail.status}${at(', sent at ', mail.sentAt)}${at(', failed at ', mail.failedAt)}${said(mail.error)}.`,
  delivery: ({ delivery }) =>
    delivery &&
    `webhook_deliveries ${delivery.id}: ${delivery.status}, attempt ${delivery.attempt}` +
      `${delivery.responseStatus === null ? '' : `, answered ${delivery.responseStatus}`}${at(', delivered at ', delivery.deliveredAt)}` +
      `${at(', next attempt at ', delivery.nextRetryAt)}${said(delivery.error)}.`,
}

function stateSentence(history: IntentHistory): string {
  const why = history.reason === null ? '' : ` (${history.reason}${history.detail === null ? '' : `: ${history.detail}`})`
  switch (history.state) {
    case 'pending':
    case 'ambiguous':
      return `It is ${history.state}${why}, due at ${history.dueAt.toISOString()}${at(', waiting since ', history.waitingSince)}.${awaySentence(history)}`
    case 'claimed':
    case 'handing_over':
      return `It is ${history.state}${why} by ${history.owner ?? 'nobody'}${at(' until ', history.leaseUntil)}.`
    case 'held':
      return `It is held${why}: it is unknown whether it was sent; "intents retry" sends it again, "intents mark-sent" records that it was.`
    case 'sent':
    case 'delivered':
    case 'skipped':
    case 'dead':
    case 'rejected':
    case 'cancelled':
      return `It ended ${history.state}${why}${at(' at ', history.finishedAt)}.`
  }
}

function reward({ userRewardId, rewardId }: IntentHistory): string {
  if (userRewardId === null) return ''
  return `; user_rewards row ${userRewardId}${rewardId === null ? '' : ` of reward ${rewardId}`}`
}

function at(words: string, time: Date | string | null): string {
  return time === null ? '' : `${words}${iso(time)}`
}

function iso(time: Date | string): string {
  return (typeof time === 'string' ? instantOf(time) : time).toISOString()
}

function said(error: string | null): string {
  return error === null ? '' : `: ${error.replace(/\.$/, '')}`
}
