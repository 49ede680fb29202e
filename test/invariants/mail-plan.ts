import type { Purpose } from './endings.ts'
import type { Event } from './envelope.ts'
import type { EntryOf } from './history.ts'
import type { Ledger } from './ledger.ts'
import { messageName } from './message-id.ts'
import type { Intent } from './rows.ts'
import type { WholeHistory } from './whole-history.ts'
import type { Person, World } from './world.ts'

/** One mail that may go out, with the row that is to send it. */
export interface PlannedMail {
  readonly eventId: string
  readonly type: string
  readonly userId: string
  /** Null: the row does not exist, or has not been written yet. */
  readonly intent: Intent | null
  readonly purpose: Purpose
  /** Accepted again after the database went back in time. */
  readonly recovered: boolean
  /** To a milestone's audience that the world leaves no doubt about; false: no doubt that it is not in it. */
  readonly audience: boolean | null
  readonly mails: EntryOf<'mail'>[]
}

/** Every mail that the accepted events may cause, by what stands before the @ of its Message-ID. */
export function planMails(history: WholeHistory, world: World, ledgers: readonly Ledger[]): Map<string, PlannedMail> {
  const plan = new Map<string, PlannedMail>()
  const rows = new Map(history.rows.intents.filter(({ coalesce }) => !coalesce).map((intent) => [`${intent.group} ${intent.key}`, intent]))
  const add = (of: Omit<PlannedMail, 'mails' | 'purpose'> & { event: Event; about: string | null; rewardId: string | null }) => {
    const { eventId, type, userId, intent, event, about, rewardId, recovered, audience } = of
    const purpose: Purpose = {
      campaignId: event.campaignId,
      userId,
      eventAt: event.at,
      mail: type === 'reward_delivery' ? null : { type, userId, about },
      grant: rewardId === null ? null : (world.grants.get(rewardId) ?? null),
      address: world.people.get(userId)?.email ?? null,
    }
    plan.set(messageName(eventId, type, userId), { eventId, type, userId, intent, purpose, recovered, audience, mails: [] })
  }
  const audiences = audiencesOf(world)
  for (const { group, accepted } of ledgers) {
    for (const [eventId, { event, effects, entry }] of accepted) {
      const rewardId = event.type === 'reward.earned' ? String(event.data['user_reward_id']) : null
      const base = { eventId, event, rewardId, recovered: entry.recovered }
      for (const { is, key, mail } of effects) {
        const intent = rows.get(`${group} ${key}`) ?? null
        if (mail !== undefined) add({ ...base, type: mail.type, userId: mail.userId, intent, about: mail.about, audience: null })
        else if (is === 'reward' && isByMail(world, rewardId) && entry.outcome?.outcome === 'accepted')
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
  return plan
}

function isByMail(world: World, rewardId: string | null): boolean {
  const grant = rewardId === null ? undefined : world.grants.get(rewardId)
  return grant !== undefined && world.rewards.get(grant.rewardId)?.method === 'email'
}

function audiencesOf(world: World): ReadonlyMap<string, readonly Person[]> {
  return Map.groupBy(world.people.values(), ({ campaignId }) => campaignId)
}

/**
 * Who had verified by the time of the event, agreed and is still there. Null: it depends on when exactly the page was read, which is
 * after `producedAt`. Times of rows may have been cut to whole milliseconds.
 */
function isInAudience({ verified, consent, left }: Person, { at }: Event, producedAt: number): boolean | null {
  if (!consent || verified === null || verified.verifiedAt >= at + 1) return false
  if (left !== null && left.at <= producedAt) return false
  return left === null && verified.at <= producedAt && verified.verifiedAt <= at - 1 ? true : null
}
