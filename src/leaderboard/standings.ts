import { OperatorError } from '../std/failure.ts'

/** A request to recalculate a campaign that has not ended. */
export interface PendingRecalculation {
  /** `claimed`: a worker has it in hand. */
  readonly state: 'pending' | 'claimed'
  /** When it was asked for. */
  readonly since: Date
  readonly dueAt: Date
  /** What it waits for. */
  readonly reason: string | null
}

/** A campaign's leaderboard as it is stored. */
export interface CampaignStanding {
  readonly campaignId: string
  readonly deleted: boolean
  /** Per verified referral, as the campaign says now. */
  readonly points: number
  /** Those that it was last ranked with; null: nobody is ranked. */
  readonly rankedWith: number | null
  /** People in the ranking. */
  readonly ranked: number
  /** Rows that changed since they were ranked, counted up to {@link MANY_DIRTY}. */
  readonly dirty: number
  readonly last: {
    readonly beganAt: Date
    readonly committedAt: Date
    readonly mode: 'windowed' | 'full'
    readonly rowsChanged: number
  } | null
  readonly pending: PendingRecalculation | null
}

export const MANY_DIRTY = 1_000

/** A row of the ranking. No name and no address. */
export interface RankedPerson {
  readonly position: number
  readonly userId: string
  /** That the position belongs to. */
  readonly score: bigint
  readonly originalPosition: number
  readonly verifiedReferrals: number
  /** Changed since, or ranked with other points than the campaign has now: the next recalculation writes this row. */
  readonly dirty: boolean
}

/** A person's place, and what it is made of. */
export interface PersonStanding {
  readonly userId: string
  readonly campaignId: string
  readonly status: string
  readonly deleted: boolean
  /** Of somebody who is not ranked: the last one, or what the platform wrote. */
  readonly position: number
  readonly originalPosition: number
  readonly verifiedReferrals: number
  /** Per verified referral, as the campaign says now. */
  readonly points: number
  /** By the rule, from the row as it is now; null: takes no part. */
  readonly score: bigint | null
  /** That the position belongs to; null: not in the ranking. */
  readonly rankedScore: bigint | null
  /** Those that `rankedScore` was counted with. */
  readonly rankedWith: number
}

/** A movement that a recalculation recorded, and what it covered. A null position: not ranked then. */
export interface PositionChange {
  /** When the run began to read. */
  readonly at: Date
  /** When the run before it did; null: there was none. */
  readonly since: Date | null
  readonly fromPosition: number | null
  readonly toPosition: number | null
  readonly fromScore: bigint | null
  readonly toScore: bigint | null
  /** That asked for a recalculation of the campaign and were accepted between the two, the newest first. */
  readonly events: readonly CoveredEvent[]
}

export interface CoveredEvent {
  readonly eventId: string
  readonly type: string
  readonly at: Date
}

/** Why a person is not in the ranking. */
export type NotRanked = 'deleted' | 'blocked' | 'removed' | 'not-yet'

/** The port to the leaderboards, for whoever looks; along their indexes, whatever their size. Throws SqlError. */
export interface LeaderboardReader {
  /** Null: there is no such campaign. */
  standing(campaignId: string): Promise<CampaignStanding | null>
  top(campaignId: string, count: number): Promise<readonly RankedPerson[]>
  /** Somebody who is ranked, with as many as `each` in front and behind. */
  around(campaignId: string, userId: string, each: number): Promise<readonly RankedPerson[]>
  /** Null: there is no such person. */
  person(userId: string): Promise<PersonStanding | null>
  /** The last one on record, with `events` of its events at most. */
  lastChange(person: Pick<PersonStanding, 'userId' | 'campaignId'>, events: number): Promise<PositionChange | null>
}

/** Null: ranked, if perhaps not for long. */
export function notRanked({ rankedScore, deleted, status }: PersonStanding): NotRanked | null {
  if (rankedScore !== null) return null
  if (deleted) return 'deleted'
  return status === 'blocked' || status === 'removed' ? status : 'not-yet'
}

export const notRankedBecause: Readonly<Record<NotRanked, string>> = {
  deleted: 'the person is marked as deleted',
  blocked: 'the person is blocked',
  removed: 'the person is removed',
  'not-yet': 'no recalculation has ranked this person yet',
}

export function pendingSentence(pending: PendingRecalculation | null): string {
  if (pending === null) return 'No recalculation is pending.'
  const { state, since, dueAt, reason } = pending
  if (state === 'claimed') return `A recalculation is under way, asked for at ${since.toISOString()}.`
  const why = reason === null ? '' : ` (${reason})`
  return `A recalculation is pending since ${since.toISOString()}${why}, due at ${dueAt.toISOString()}.`
}

export function unknownCampaign(campaignId: string): OperatorError {
  return new OperatorError(`There is no campaign ${campaignId} in this database: give an id of the table campaigns.`)
}

export function unknownPerson(userId: string): OperatorError {
  return new OperatorError(`There is no person ${userId}: give an id of the table waitlist_users. Deleted rows cannot be shown.`)
}
