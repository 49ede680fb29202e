import { MANY_DIRTY, notRanked, notRankedBecause, pendingSentence } from './standings.ts'
import type { CampaignStanding, PersonStanding, PositionChange } from './standings.ts'

/** Which movements are recorded, by the configuration. */
export interface HistoryKept {
  readonly history: 'off' | 'top' | 'all'
  readonly historyDays: number
}

/** The most events listed. */
export const MOST_EVENTS = 20

/** A campaign's leaderboard as a whole. */
export function standingSentences(standing: CampaignStanding): readonly string[] {
  const { campaignId, deleted, points, rankedWith, ranked, dirty, last, pending } = standing
  return [
    `Campaign ${campaignId}${deleted ? ', which is deleted' : ''}: ${some(ranked, 'person', 'people')} ranked, ${some(points, 'point')} per verified referral.`,
    ...(rankedWith === null || rankedWith === points
      ? []
      : [`They were ranked with ${some(rankedWith, 'point')}; the next recalculation ranks all of them again.`]),
    dirty === 0
      ? 'No row has changed since it was ranked.'
      : `${dirty === MANY_DIRTY ? `${dirty} rows or more` : some(dirty, 'row')} joined, left or changed since the last ranking.`,
    lastSentence(last),
    pendingSentence(pending),
  ]
}

/** Explains the position of a person. */
export function positionSentences(
  person: PersonStanding,
  standing: CampaignStanding,
  change: PositionChange | null,
  kept: HistoryKept,
): readonly string[] {
  return [
    positionSentence(person, standing),
    scoreSentence(person),
    dirtySentence(person),
    lastSentence(standing.last),
    pendingSentence(standing.pending),
    ...(kept.history === 'off' ? ['LEADERBOARD_HISTORY=off: recalculations record no movements.'] : []),
    ...(change === null ? nothingRecorded(kept) : changeSentences(person, change)),
  ]
}

/** Whether the stored rank does not follow from the row and its campaign as they are now. */
export function isDirty({ score, rankedScore, rankedWith, points }: PersonStanding): boolean {
  return score !== rankedScore || (rankedScore !== null && rankedWith !== points)
}

function positionSentence(person: PersonStanding, { ranked }: CampaignStanding): string {
  const who = `Person ${person.userId} of campaign ${person.campaignId}`
  const why = notRanked(person)
  if (why === null) return `${who} is at position ${person.position} of ${ranked}.`
  return `${who} is not ranked: ${notRankedBecause[why]}. The column position holds ${person.position}, which has no meaning for this row.`
}

function scoreSentence({ score, originalPosition, verifiedReferrals, points }: PersonStanding): string {
  const made = `original position ${originalPosition} - ${some(verifiedReferrals, 'verified referral')} x ${some(points, 'point')}`
  if (score === null) return `There is no score, because this person is not ranked (${made}).`
  return `The score is ${score} = ${made}. The lowest score is first; equal scores are ordered by created_at, then id.`
}

function dirtySentence(person: PersonStanding): string {
  const { score, rankedScore, rankedWith, points } = person
  if (!isDirty(person))
    return rankedScore === null ? 'The row is not in the ranking, as it should be.' : 'The row is ranked with this score.'
  if (rankedScore === null) return 'The row is dirty: the next recalculation adds this person to the ranking.'
  if (score === null)
    return `The row is dirty: it still has score ${rankedScore}, and the next recalculation removes this person from the ranking.`
  const by = rankedWith === points ? '' : ` at ${some(rankedWith, 'point')} per referral`
  return `The row is dirty: it was ranked with score ${rankedScore}${by}, and the next recalculation ranks it with ${score}.`
}

function nothingRecorded({ history, historyDays }: HistoryKept): readonly string[] {
  const days = `for LEADERBOARD_HISTORY_DAYS=${historyDays}`
  if (history === 'off') return []
  if (history === 'all') return [`No movement of this person is on record; all are kept ${days}.`]
  return [`No movement of this person is on record; the hundred largest of each recalculation are kept (LEADERBOARD_HISTORY=top), ${days}.`]
}

function changeSentences(person: PersonStanding, change: PositionChange): readonly string[] {
  const { at, since, toPosition, events } = change
  const isElsewhere = notRanked(person) === null && toPosition !== person.position
  const between = `${since === null ? '' : `after ${since.toISOString()} and `}before it`
  const covered = events.length === MOST_EVENTS ? `the newest ${MOST_EVENTS}` : some(events.length, 'event')
  return [
    `The last movement on record: ${movement(change)}, by the recalculation that began at ${at.toISOString()}.`,
    ...(isElsewhere ? [`The later movement to ${person.position} is not on record.`] : []),
    events.length === 0
      ? `It covered no event of the campaign: the change was found in the rows (a person joined, left or was edited), or its event was accepted later.`
      : `It covered the events accepted ${between}, ${covered}:`,
    ...events.map((event) => `  ${event.type} ${event.eventId} at ${event.at.toISOString()}`),
  ]
}

function movement({ fromPosition, toPosition, fromScore, toScore }: PositionChange): string {
  if (fromPosition === null) return `into the ranking at position ${toPosition}, score ${toScore}`
  if (toPosition === null) return `out of the ranking, from position ${fromPosition}, score ${fromScore}`
  const scores = fromScore === toScore ? `score ${toScore} as before: others moved` : `score ${fromScore} to ${toScore}`
  return `from position ${fromPosition} to ${toPosition}, ${scores}`
}

function lastSentence(last: CampaignStanding['last']): string {
  if (last === null) return 'The campaign has never been recalculated.'
  const how = last.mode === 'windowed' ? 'windows around the changed rows' : 'the whole campaign'
  return `Last recalculated at ${last.beganAt.toISOString()}: ${how}, ${some(last.rowsChanged, 'row')} written.`
}

function some(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
