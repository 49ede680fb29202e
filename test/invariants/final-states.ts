import type { Effect } from './expected-effects.ts'
import type { Intent } from './rows.ts'
import { isLostTime, type ParsedHistory } from './parsed-history.ts'
import type { Grant, PlatformState } from './platform-state.ts'

/** What an intent is for, as the checker derives it. */
export interface Purpose {
  readonly campaignId: string
  readonly userId: string
  /** Of the event. */
  readonly eventAt: number
  readonly mail: NonNullable<Effect['mail']> | null
  /** For the delivery of a reward, or a mail about it. */
  readonly grant: Grant | null
  readonly address: string | null
}

/** Explains the final states of intents from the platform's state and what the sinks received. */
export interface FinalStates {
  /** Null when the history explains the intent's final state (`skipped`, `rejected`, `dead`, `held`, `cancelled`), else a sentence. */
  unexplained(intent: Intent, purpose: Purpose): string | null
}

export function wasRevoked({ grant }: Purpose): boolean {
  return grant !== null && grant.revoked !== null
}

const WEEK_MS = 7 * 86_400_000

export function finalStatesOf(history: ParsedHistory, platform: PlatformState): FinalStates {
  const refusedPermanently = new Set<string>()
  const refusedTemporarily = new Set<string>()
  const replies = [
    ...history.refused.map(({ recipient, reply }) => ({ recipient, reply })),
    ...history.mails.flatMap(({ recipients, reply }) => recipients.map((recipient) => ({ recipient, reply: reply ?? 0 }))),
  ]
  for (const { recipient, reply } of replies) {
    if (reply >= 500) refusedPermanently.add(recipient.toLowerCase())
    else if (reply >= 400) refusedTemporarily.add(recipient.toLowerCase())
  }
  const failedCalls = new Set(history.calls.filter(({ status }) => status === null || status < 200 || status > 299).map(({ id }) => id))
  const wasAffected = (what: 'relay' | 'webhook') => history.faults.some(({ affects }) => affects.includes(what))

  function skip(intent: Intent, purpose: Purpose): boolean {
    const at = intent.finishedAt ?? history.endedAt
    const person = platform.people.get(purpose.userId)
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
        return purpose.grant !== null && platform.rewards.get(purpose.grant.rewardId)?.method === 'manual'
      case 'stale':
        return intent.createdAt - purpose.eventAt > (history.run.mailMaxEventAgeMs ?? WEEK_MS)
      case 'suppressed-bounced':
        return refusedPermanently.has(address)
      case null:
      default:
        return false
    }
  }

  /** Whether a required row may have been missing at `at`. */
  function isMissing({ userId, campaignId, mail, grant }: Purpose, at: number): boolean {
    const person = platform.people.get(userId)
    if (person === undefined || person.campaignId !== campaignId || person.joined.at >= at) return true
    if (mail?.type === 'position_update') {
      const referral = platform.referrals.get(mail.about ?? '')
      return referral === undefined || referral.referrerId !== userId || referral.confirmed.at >= at
    }
    const aboutReward = mail === null || mail.type === 'reward_earned'
    return aboutReward && (grant === null || grant.userId !== userId || grant.granted.at >= at)
  }

  function dead(intent: Intent, purpose: Purpose): boolean {
    if (intent.channel === 'email') return wasAffected('relay') || refusedTemporarily.has(purpose.address?.toLowerCase() ?? '')
    if (intent.reason === 'no-endpoint' && purpose.grant !== null)
      return platform.rewards.get(purpose.grant.rewardId)?.hasEndpoint === false || failedCalls.size > 0
    return wasAffected('webhook') || (intent.webhookId !== null && failedCalls.has(intent.webhookId))
  }

  return {
    unexplained(intent, purpose) {
      const { state, reason, ambiguous } = intent
      const isExplained =
        (state === 'skipped' && skip(intent, purpose)) ||
        (state === 'rejected' && refusedPermanently.has(purpose.address?.toLowerCase() ?? '')) ||
        (state === 'dead' && dead(intent, purpose)) ||
        (state === 'held' && ambiguous >= (history.run.ambiguous === 'hold' ? 1 : 2))
      return isExplained ? null : `${state}${reason === null ? '' : ` (${reason})`}, which nothing in the history explains`
    },
  }
}
