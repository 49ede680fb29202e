import type { Effect } from './expected.ts'
import type { Intent } from './rows.ts'
import { isLostTime, type WholeHistory } from './whole-history.ts'
import type { Grant, World } from './world.ts'

/** What an intent was to do, as the checker knows it. */
export interface Purpose {
  readonly campaignId: string
  readonly userId: string
  /** Of the event. */
  readonly eventAt: number
  readonly mail: NonNullable<Effect['mail']> | null
  /** Of a reward's delivery, or a mail about one. */
  readonly grant: Grant | null
  readonly address: string | null
}

/** Judges how intents ended, by what the world and the sinks say. */
export interface Endings {
  /** Null when the intent may have ended so, else why not. Only `skipped`, `rejected`, `dead`, `held` and `cancelled` are asked for. */
  fault(intent: Intent, purpose: Purpose): string | null
}

export function wasRevoked({ grant }: Purpose): boolean {
  return grant !== null && grant.revoked !== null
}

const WEEK_MS = 7 * 86_400_000

export function endingsOf(history: WholeHistory, world: World): Endings {
  const refusedForGood = new Set<string>()
  const refusedForNow = new Set<string>()
  const tellings = [
    ...history.refused.map(({ recipient, reply }) => ({ recipient, reply })),
    ...history.mails.flatMap(({ recipients, reply }) => recipients.map((recipient) => ({ recipient, reply: reply ?? 0 }))),
  ]
  for (const { recipient, reply } of tellings) {
    if (reply >= 500) refusedForGood.add(recipient.toLowerCase())
    else if (reply >= 400) refusedForNow.add(recipient.toLowerCase())
  }
  const failedCalls = new Set(history.calls.filter(({ status }) => status === null || status < 200 || status > 299).map(({ id }) => id))
  const wasHit = (what: 'relay' | 'webhook') => history.faults.some(({ hits }) => hits.includes(what))

  function skip(intent: Intent, purpose: Purpose): boolean {
    const at = intent.finishedAt ?? history.endedAt
    const person = world.people.get(purpose.userId)
    const address = purpose.address?.toLowerCase() ?? ''
    switch (intent.reason) {
      case 'person-blocked':
      case 'person-removed':
      case 'person-deleted':
        return person?.left !== null && person !== undefined && person.left.from <= at
      case 'not-found':
        return isMissing(purpose, at)
      case 'reward-revoked':
        return (purpose.grant?.revoked?.from ?? Infinity) <= at
      case 'reward-delivered':
        return isLostTime(history, at)
      case 'manual':
        return purpose.grant !== null && world.rewards.get(purpose.grant.rewardId)?.method === 'manual'
      case 'stale':
        return intent.createdAt - purpose.eventAt > (history.run.mailMaxEventAgeMs ?? WEEK_MS)
      case 'suppressed-bounced':
        return refusedForGood.has(address)
      case null:
      default:
        return false
    }
  }

  /** Whether some row that is needed was not certainly there at `at`. */
  function isMissing({ userId, campaignId, mail, grant }: Purpose, at: number): boolean {
    const person = world.people.get(userId)
    if (person === undefined || person.campaignId !== campaignId || person.joined.at >= at) return true
    if (mail?.type === 'position_update') {
      const referral = world.referrals.get(mail.about ?? '')
      return referral === undefined || referral.referrerId !== userId || referral.confirmed.at >= at
    }
    const aboutReward = mail === null || mail.type === 'reward_earned'
    return aboutReward && (grant === null || grant.userId !== userId || grant.granted.at >= at)
  }

  function dead(intent: Intent, purpose: Purpose): boolean {
    if (intent.channel === 'email') return wasHit('relay') || refusedForNow.has(purpose.address?.toLowerCase() ?? '')
    if (intent.reason === 'no-endpoint' && purpose.grant !== null)
      return world.rewards.get(purpose.grant.rewardId)?.hasEndpoint === false || failedCalls.size > 0
    return wasHit('webhook') || (intent.webhookId !== null && failedCalls.has(intent.webhookId))
  }

  return {
    fault(intent, purpose) {
      const { state, reason, ambiguous } = intent
      const fine =
        (state === 'skipped' && skip(intent, purpose)) ||
        (state === 'rejected' && refusedForGood.has(purpose.address?.toLowerCase() ?? '')) ||
        (state === 'dead' && dead(intent, purpose)) ||
        (state === 'held' && ambiguous >= (history.run.ambiguous === 'hold' ? 1 : 2))
      return fine ? null : `${state}${reason === null ? '' : ` (${reason})`}, for which nothing in the history is a reason`
    },
  }
}
