import type { Purpose } from './final-states.ts'
import type { Event } from './envelope.ts'
import type { EntryOf } from './history.ts'
import type { GroupTimeline } from './group-timeline.ts'
import { messageIdLocalPart } from './message-id.ts'
import type { Intent } from './rows.ts'
import type { ParsedHistory } from './parsed-history.ts'
import type { Person, PlatformState } from './platform-state.ts'

/** A mail that may be sent, with the intent that sends it. */
export interface ExpectedMail {
  readonly eventId: string
  readonly type: string
  readonly userId: string
  /** Null: the row does not exist, or has not been written yet. */
  readonly intent: Intent | null
  readonly purpose: Purpose
  /** Accepted again after the database was restored to an earlier time. */
  readonly recovered: boolean
  /** Whether the recipient belongs to a milestone's audience; null: it depends on when the page was read, or is no milestone mail. */
  readonly audience: boolean | null
  readonly mails: EntryOf<'mail'>[]
}

/** Every mail that the accepted events may cause, by the local part of its Message-ID. */
export function expectedMailsOf(
  history: ParsedHistory,
  platform: PlatformState,
  timelines: readonly GroupTimeline[],
): Map<string, ExpectedMail> {
  const expectedMails = new Map<string, ExpectedMail>()
  const rows = new Map(history.rows.intents.filter(({ coalesce }) => !coalesce).map((intent) => [`${intent.group} ${intent.key}`, intent]))
  const add = (of: Omit<ExpectedMail, 'mails' | 'purpose'> & { event: Event; about: string | null; rewardId: string | null }) => {
    const { eventId, type, userId, intent, event, about, rewardId, recovered, audience } = of
    const purpose: Purpose = {
      campaignId: event.campaignId,
      userId,
      eventAt: event.at,
      mail: type === 'reward_delivery' ? null : { type, userId, about },
      grant: rewardId === null ? null : (platform.grants.get(rewardId) ?? null),
      address: platform.people.get(userId)?.email ?? null,
    }
    expectedMails.set(messageIdLocalPart(eventId, type, userId), { eventId, type, userId, intent, purpose, recovered, audience, mails: [] })
  }
  const audiences = audiencesOf(platform)
  for (const { group, accepted } of timelines) {
    for (const [eventId, { event, effects, entry }] of accepted) {
      const rewardId = event.type === 'reward.earned' ? String(event.data['user_reward_id']) : null
      const base = { eventId, event, rewardId, recovered: entry.recovered }
      for (const { is, key, mail } of effects) {
        const intent = rows.get(`${group} ${key}`) ?? null
        if (mail !== undefined) add({ ...base, type: mail.type, userId: mail.userId, intent, about: mail.about, audience: null })
        else if (is === 'reward' && isByMail(platform, rewardId) && entry.outcome?.outcome === 'accepted')
          add({ ...base, type: 'reward_delivery', userId: String(event.data['user_id']), intent, about: null, audience: null })
      }
      if (!effects.some(({ is }) => is === 'broadcast')) continue
      for (const person of audiences.get(event.campaignId) ?? []) {
        const intent = rows.get(`${group} mail:${eventId}:milestone:${person.id}`) ?? null
        const audience = isInAudience(person, event, entry.record.timestamp)
        if (intent === null && audience !== true) continue
        add({ ...base, type: 'milestone', userId: person.id, intent, about: null, audience })
      }
    }
  }
  return expectedMails
}

function isByMail(platform: PlatformState, rewardId: string | null): boolean {
  const grant = rewardId === null ? undefined : platform.grants.get(rewardId)
  return grant !== undefined && platform.rewards.get(grant.rewardId)?.method === 'email'
}

function audiencesOf(platform: PlatformState): ReadonlyMap<string, readonly Person[]> {
  return Map.groupBy(platform.people.values(), ({ campaignId }) => campaignId)
}

/**
 * Whether the person had verified by the time of the event, consented and has not left. Null: it depends on when exactly the page was
 * read, which is after `producedAt`. Times of rows may be truncated to milliseconds, and a time of whole seconds counts as truncated to them,
 * as one event in a thousand has by chance.
 */
export function isInAudience(
  { verified, consent, left }: Pick<Person, 'verified' | 'consent' | 'left'>,
  { at }: Pick<Event, 'at'>,
  producedAt: number,
): boolean | null {
  const end = at + (at % 1_000 === 0 ? 1_000 : 1)
  if (!consent || verified === null || verified.verifiedAt >= end) return false
  if (left !== null && left.at <= producedAt) return false
  return left === null && verified.at <= producedAt && verified.verifiedAt <= at - 1 ? true : null
}
