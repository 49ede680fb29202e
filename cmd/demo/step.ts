import type { TypedInput } from '../../src/events/publisher-input.ts'
import type { BadRecord } from './bad-record.ts'

/** One action on the platform: the rows that it changes and the events that it publishes. */
export interface Step {
  readonly writes: readonly Write[]
  readonly publications: readonly Publication[]
  /** `late`: the platform publishes before it commits. `alone`: at a time of its own, after all before it and before all after it. */
  readonly timing: 'usual' | 'late' | 'alone'
}

/** A change of the platform's tables. */
export type Write =
  | { readonly is: 'join'; readonly person: Person }
  | { readonly is: 'verify'; readonly personId: string }
  | { readonly is: 'leave'; readonly personId: string; readonly how: 'blocked' | 'removed' | 'deleted' }
  | { readonly is: 'refer'; readonly referral: Referral }
  /** The referral counts, and its referrer's count goes up. */
  | { readonly is: 'confirm'; readonly referral: Referral }
  | { readonly is: 'grant'; readonly grant: Grant }

export type Publication =
  | { readonly is: 'event'; readonly event: TypedInput }
  /** Another fact under the id of an earlier event of the campaign. */
  | { readonly is: 'conflict'; readonly event: TypedInput }
  | { readonly is: 'bad'; readonly record: BadRecord }

export interface Person {
  readonly id: string
  readonly campaignId: string
  readonly email: string
  readonly firstName: string
  readonly lastName: string
  readonly originalPosition: number
  /** Milliseconds after the scenario began; several people may share one. */
  readonly joinedAt: number
  readonly referralCode: string
  readonly referredById: string | null
  readonly consent: boolean
}

export interface Referral {
  readonly id: string
  readonly campaignId: string
  readonly referrerId: string
  readonly referredId: string
}

/** A row of `user_rewards`. */
interface Grant {
  readonly id: string
  readonly campaignId: string
  readonly personId: string
  readonly rewardId: string
}
