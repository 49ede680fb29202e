import { OperatorError } from '../std/failure.ts'

/** A request to recalculate a campaign that has not ended. */
export interface PendingRecalculation {
  /** `claimed`: a worker executes it. */
  readonly state: 'pending' | 'claimed'
  /** When it was requested. */
  readonly since: Date
  readonly dueAt: Date
  /** What it waits for. */
  readonly reason: string | null
}

/** A campaign's leaderboard as it is stored. */
export interface CampaignStanding {
  readonly campaignId: string
  readonly deleted: boolean
  /** Per verified referral, by the campaign's current setting. */
  readonly points: number
  /** The points of the last ranking; null: nobody is ranked. */
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
  /** The score of the stored position. */
  readonly score: bigint
  readonly originalPosition: number
  readonly verifiedReferrals: number
  /** Changed since, or ranked with other points than the campaign has now: the next recalculation writes this row. */
  readonly dirty: boolean
}

/** A person's position and how it is derived. */
export interface PersonStanding {
  readonly userId: string
  readonly campaignId: string
  readonly status: string
  readonly deleted: boolean
  /** For a person who is not ranked: the last one, or the platform's value. */
  readonly position: number
  readonly originalPosition: number
  readonly verifiedReferrals: number
  /** Per verified referral, by the campaign's current setting. */
  readonly points: number
  /** By the rule, from the row as it is now; null: not ranked. */
  readonly score: bigint | null
  /** The score of the stored position; null: not in the ranking. */
  readonly rankedScore: bigint | null
  /** The points in `rankedScore`. */
  readonly rankedWith: number
}

/** A movement that a recalculation recorded, and what it covered. A null position: not ranked then. */
export interface PositionChange {
  /** When the run began to read. */
  readonly at: Date
  /** When the run before it began; null: there was none. */
  readonly since: Date | null
  readonly fromPosition: number | null
  readonly toPosition: number | null
  readonly fromScore: bigint | null
  readonly toScore: bigint | null
  /** Events that requested a recalculation of the campaign and were accepted between the two, the newest first. */
  readonly events: readonly CoveredEvent[]
}

export interface CoveredEvent {
  readonly eventId: string
  readonly type: string
  readonly at: Date
}

/** Why a person is not in the ranking. */
export type NotRanked = 'deleted' | 'blocked' | 'removed' | 'not-yet'

/** The port to read leaderboards; along indexes, so fast whatever their size. Throws SqlError. */
export interface LeaderboardReader {
  /** Null: there is no such campaign. */
  standing(campaignId: string): Promise<CampaignStanding | null>
  top(campaignId: string, count: number): Promise<readonly RankedPerson[]>
  /** A ranked person with up to `each` neighbours on each side. */
  around(campaignId: string, userId: string, each: number): Promise<readonly RankedPerson[]>
  /** Null: there is no such person. */
  person(userId: string): Promise<PersonStanding | null>
  /** The last one on record, with `events` of its events at most. */
  lastChange(person: Pick<PersonStanding, 'userId' | 'campaignId'>, events: number): Promise<PositionChange | null>
}

/** Null: ranked, though perhaps dirty. */
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
  if (state === 'claimed') return `A recalculation is in progress, requested at ${since.toISOString()}.`
  const why = reason === null ? '' : ` (${reason})`
  return `A recalculation is pending since ${since.toISOString()}${why}, due at ${dueAt.toISOString()}.`
}

export function unknownCampaign(campaignId: string): OperatorError {
  return new OperatorError(`There is no campaign ${campaignId} in this database: give an id of the table campaigns.`)
}

export function unknownPerson(userId: string): OperatorError {
  return new OperatorError(`There is no person ${userId}: give an id of the table waitlist_users. Deleted rows cannot be shown.`)
}
