import { ago, span } from '../../std/ago.ts'
import { instantOf } from '../../std/instant.ts'
import { asSentence } from '../../std/failure.ts'
import type { Pause } from '../../model/pause.ts'
import { pausedClause, pauseOfIntent } from '../pauses/pause-clause.ts'
import { reasonSentence } from './reason-sentences.ts'
import type { DeliveryFact, IntentFact, MailFact, SuppressionFact } from './timeline-facts.ts'

/** What is on record beside an intent, and the time in milliseconds since 1970. */
export interface IntentContext {
  readonly now: number
  /** Of the event that caused it; null when that is not on record. */
  readonly eventType: string | null
  /** Of the row in `user_rewards` that it is about; null without one. */
  readonly rewardStatus: string | null
  readonly suppressions: readonly SuppressionFact[]
  readonly pauses: readonly Pause[]
  readonly mail: MailFact | null
  readonly delivery: DeliveryFact | null
}

/** An intent as a person's question has it: the mail, the reward, the broadcast or the recalculation. */
export function nameOf({ kind, type }: Pick<IntentFact, 'kind' | 'type'>): string {
  if (kind === 'reward') return 'reward'
  if (type !== null) return mailNames[type] ?? `${type} mail`
  return kind.replaceAll('-', ' ')
}

const mailNames: Readonly<Record<string, string>> = {
  position_update: 'position mail',
  reward_earned: 'mail about the reward',
  reward_delivery: 'reward mail',
}

/** Why an intent had its effect, or has not: one sentence with the command that changes it, where one does. */
export function intentAnswer(intent: IntentFact, context: IntentContext): string {
  return asSentence(clauseOf(intent, context))
}

/** Whether a person has what the intent is for, or never was to have it: no reason to complain. */
export function isWell({ state, reason, coalesce }: Pick<IntentFact, 'state' | 'reason' | 'coalesce'>): boolean {
  if (coalesce || state === 'sent' || state === 'delivered') return true
  return state === 'skipped' && (reason === 'reward-delivered' || reason === 'reward-redeemed')
}

function clauseOf(intent: IntentFact, { now, eventType, rewardStatus, suppressions, pauses, mail, delivery }: IntentContext): string {
  const name = nameOf(intent)
  // Decided, whenever a worker looks at it next.
  if (intent.kind === 'reward' && intent.state === 'pending' && (rewardStatus === 'revoked' || rewardStatus === 'expired'))
    return `No ${name}: ${reasonSentence(`reward-${rewardStatus}`).because}; the next look at its intent ends it`
  const pause = pauseOfIntent(pauses, { ...intent, eventType })
  if (pause !== null)
    return `${intent.state === 'pending' ? `The ${name} waits` : `It is not known whether the ${name} arrived, and it waits before it is sent once more`}: ${pausedClause(pause)}`
  const { because, fix } = wordsOf(intent, suppressions, now)
  const why = `${because}${intent.detail === null ? '' : ` (${intent.detail.replace(/\.$/, '')})`}${fix === null ? '' : `; ${fix}`}`
  const attempts = `${intent.attempt} ${intent.attempt === 1 ? 'attempt' : 'attempts'}`
  switch (intent.state) {
    case 'pending':
      return pendingClause(intent, name, why, now)
    case 'claimed':
      return `The ${name} is being prepared by a worker`
    case 'handing_over':
      return `The ${name} is being sent right now`
    case 'ambiguous':
      return `It is not known whether the ${name} arrived: the relay's reply was lost; it is sent once more ${ago(intent.dueAt, now)}`
    case 'held':
      return (
        `It is not known whether the ${name} arrived: the relay's reply was lost, and it is not sent again by itself; ` +
        `workerctl intents retry ${intent.id} --yes sends it again, workerctl intents mark-sent ${intent.id} --yes records that it was sent`
      )
    case 'sent':
      return sentClause(intent, name, mail, now)
    case 'delivered':
      return deliveredClause(intent, name, delivery, now)
    case 'skipped':
    case 'rejected':
    case 'cancelled':
      return `No ${name}: ${why}`
    case 'dead':
      return `No ${name}${intent.attempt === 0 ? '' : ` after ${attempts}`}: ${why}`
  }
}

function pendingClause(intent: IntentFact, name: string, why: string, now: number): string {
  const { away, reason, waitingSince, attempt, dueAt } = intent
  if (away !== null) {
    const where = away.sole ? '' : ` ${away.host ?? away.destination}`
    const cause = away.reason === null ? '' : ` (${away.reason})`
    const owner = away.sole ? '/status of the daemon says what to fix' : 'its owner must fix it'
    return `The ${name} waits: the ${away.names.destination}${where} has been away for ${span(now - instantOf(away.since).getTime())}${cause}; ${owner}, and the ${name} goes out once it answers`
  }
  if (reason === null) {
    if (dueAt.getTime() > now) return `The ${name} is due ${ago(dueAt, now)}`
    const due = span(now - dueAt.getTime())
    return intent.claims > 0
      ? `The ${name} has been due for ${due}, and workers have taken it ${intent.claims === 1 ? 'once' : `${intent.claims} times`} without an outcome; /status and the log of each daemon say why`
      : `The ${name} has been due for ${due} and no worker has claimed it; workerctl offsets show says whether its group runs`
  }
  if (waitingSince !== null) return `The ${name} has waited for ${span(now - waitingSince.getTime())}: ${why}`
  return `The ${name} is tried again ${ago(dueAt, now)}: ${attempt === 0 ? 'so far' : `attempt ${attempt} failed:`} ${why}`
}

function sentClause({ messageId, finishedAt, id, createdAt }: IntentFact, name: string, mail: MailFact | null, now: number): string {
  const found = messageId ?? mail?.messageId ?? null
  const since = mail !== null && !['pending', 'sent', 'failed'].includes(mail.status) ? `, and is ${mail.status} since` : ''
  const as = found === null ? `(intent ${id})` : `as ${found}`
  return `The ${name} was accepted by the relay ${ago(finishedAt ?? createdAt, now)} ${as}${since}; look for it among junk mail, or by this id in the relay's log`
}

function deliveredClause({ finishedAt, createdAt }: IntentFact, name: string, delivery: DeliveryFact | null, now: number): string {
  const at = ago(finishedAt ?? createdAt, now)
  const answer = delivery?.responseStatus ?? null
  return `The ${name} was delivered ${at}${answer === null ? '' : `: its endpoint answered ${answer}`}`
}

/** The words of the reason, with what the state leaves to do where the reason alone does not say; those of a suppression by what is on record now. */
function wordsOf(
  { id, userId, state, reason }: IntentFact,
  suppressions: readonly SuppressionFact[],
  now: number,
): { readonly because: string; readonly fix: string | null } {
  const again = `workerctl intents retry ${id} --yes sends it again`
  if (reason === null) return { because: 'no reason is on record', fix: state === 'pending' ? null : again }
  const { because, fix } = reasonSentence(reason)
  const kind = /^suppressed-(.*)$/.exec(reason)?.[1]
  if (kind === undefined) {
    const byState =
      state === 'pending' ? 'nothing is to be done, it goes on by itself' : state === 'skipped' || reason === 'forgotten' ? null : again
    return { because, fix: fix === null ? byState : filled(fix) }
  }
  const suppression = suppressions.find((one) => one.reason === kind)
  if (suppression !== undefined) return { because: because.replace('{since}', ago(suppression.at, now)), fix: filled(fix) }
  return { because: `${because.replace('{since}', 'then')}, which has been lifted`, fix: again }

  function filled(text: string | null): string | null {
    if (text === null) return null
    // A pending one is not retried, but made due.
    const command = state === 'pending' ? text.replace('retry {intent} --yes', 'retry {intent} --now --yes') : text
    return command.replaceAll('{intent}', id).replaceAll('{user}', userId ?? 'ID')
  }
}
