import { instantOf } from '../../std/instant.ts'
import { awaySentence } from '../explain-event.ts'
import type { IntentStory } from './intent-admin.ts'

/** The history of an intent, one line per step. No address: it is in the mail's row, for those who may read the platform's tables. */
export function storySentences(story: IntentStory): readonly string[] {
  const { outcome, mail, delivery } = story
  return [
    `Intent ${story.id} of ${story.group}: ${story.kind}${story.type === null ? '' : ` ${story.type}`} by ${story.channel}, class ${story.class}.`,
    `Key ${story.key}; campaign ${story.campaignId}${story.userId === null ? '' : `; person ${story.userId}`}${reward(story)}.`,
    outcome === null
      ? story.eventId === null
        ? 'No event asked for it.'
        : `Event ${story.eventId} has no outcome of this group on record.`
      : `Event ${story.eventId} (${outcome.type}) happened at ${story.eventAt?.toISOString() ?? 'an unknown time'}; the group accepted it from ` +
        `partition ${outcome.partition}, offset ${outcome.offset}, at ${iso(outcome.at)}: ${outcome.outcome}.`,
    `Created at ${story.createdAt.toISOString()}. ${stateSentence(story)}`,
    `Attempts ${story.attempt}, claims ${story.claims}, times in doubt ${story.ambiguous}.`,
    story.frozenBytes === null
      ? story.state === 'sent' || story.state === 'delivered'
        ? 'Its bytes were dropped when it was sent: nothing sends them again.'
        : 'Nothing is frozen: the next attempt is made from the rows as they are then.'
      : `${story.frozenBytes} bytes are frozen${story.messageId === null ? '' : ` under Message-ID ${story.messageId}`}: every attempt sends them.`,
    ...(mail === null
      ? []
      : [`email_logs ${mail.id}: ${mail.status}${at(', sent at ', mail.sentAt)}${at(', failed at ', mail.failedAt)}${said(mail.error)}.`]),
    ...(delivery === null
      ? []
      : [
          `webhook_deliveries ${delivery.id}: ${delivery.status}, attempt ${delivery.attempt}` +
            `${delivery.responseStatus === null ? '' : `, answered ${delivery.responseStatus}`}${at(', delivered at ', delivery.deliveredAt)}` +
            `${at(', again at ', delivery.nextRetryAt)}${said(delivery.error)}.`,
        ]),
  ]
}

function stateSentence(story: IntentStory): string {
  const why = story.reason === null ? '' : ` (${story.reason}${story.detail === null ? '' : `: ${story.detail}`})`
  switch (story.state) {
    case 'pending':
    case 'ambiguous':
      return `It is ${story.state}${why}, due at ${story.dueAt.toISOString()}${at(', waiting since ', story.waitingSince)}.${awaySentence(story)}`
    case 'claimed':
    case 'handing_over':
      return `It is ${story.state}${why} by ${story.owner ?? 'nobody'}${at(' until ', story.leaseUntil)}.`
    case 'held':
      return `It is held${why}: it is unknown whether it was sent; "intents retry" sends it again, "intents mark-sent" records that it was.`
    case 'sent':
    case 'delivered':
    case 'skipped':
    case 'dead':
    case 'rejected':
    case 'cancelled':
      return `It ended ${story.state}${why}${at(' at ', story.finishedAt)}.`
  }
}

function reward({ userRewardId, rewardId }: IntentStory): string {
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
