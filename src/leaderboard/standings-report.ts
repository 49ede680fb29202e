import { MANY_DIRTY, notRanked, notRankedBecause, pendingSentence } from './standings.ts'
import type { CampaignStanding, PersonStanding, PositionChange } from './standings.ts'

/** What is kept of movements, by the configuration. */
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
      : [`They were ranked with ${some(rankedWith, 'point')}, and will all be ranked again.`]),
    dirty === 0
      ? 'No row changed since it was ranked.'
      : `${dirty === MANY_DIRTY ? `${dirty} rows or more` : some(dirty, 'row')} joined, left or changed since the last ranking.`,
    lastSentence(last),
    pendingSentence(pending),
  ]
}

/** Why a person stands where the person stands. */
export function placeSentences(
  person: PersonStanding,
  standing: CampaignStanding,
  change: PositionChange | null,
  kept: HistoryKept,
): readonly string[] {
  return [
    placeSentence(person, standing),
    scoreSentence(person),
    dirtySentence(person),
    lastSentence(standing.last),
    pendingSentence(standing.pending),
    ...(kept.history === 'off' ? ['LEADERBOARD_HISTORY=off: recalculations do not record who moved.'] : []),
    ...(change === null ? nothingRecorded(kept) : changeSentences(person, change)),
  ]
}

/** Whether what is stored does not follow from the row and its campaign as they are now. */
export function isDirty({ score, rankedScore, rankedWith, points }: PersonStanding): boolean {
  return score !== rankedScore || (rankedScore !== null && rankedWith !== points)
}

function placeSentence(person: PersonStanding, { ranked }: CampaignStanding): string {
  const who = `Person ${person.userId} of campaign ${person.campaignId}`
  const why = notRanked(person)
  if (why === null) return `${who} stands at position ${person.position} of ${ranked}.`
  return `${who} is not ranked: ${notRankedBecause[why]}. The column position holds ${person.position}, which means nothing then.`
}

function scoreSentence({ score, originalPosition, verifiedReferrals, points }: PersonStanding): string {
  const made = `original position ${originalPosition} - ${some(verifiedReferrals, 'verified referral')} x ${some(points, 'point')}`
  if (score === null) return `There is no score, because this person takes no part (${made}).`
  return `The score is ${score} = ${made}. The lowest stands first, and among equal ones who was created first.`
}

function dirtySentence(person: PersonStanding): string {
  const { score, rankedScore, rankedWith, points } = person
  if (!isDirty(person))
    return rankedScore === null ? 'The row is out of the ranking, as it should be.' : 'The row is ranked with this very score.'
  if (rankedScore === null) return 'The row is dirty: the next recalculation takes this person in.'
  if (score === null) return `The row is dirty: it still has score ${rankedScore}, and the next recalculation takes this person out.`
  const by = rankedWith === points ? '' : ` by ${some(rankedWith, 'point')} per referral`
  return `The row is dirty: it was ranked with score ${rankedScore}${by}, and the next recalculation ranks it with ${score}.`
}

function nothingRecorded({ history, historyDays }: HistoryKept): readonly string[] {
  const days = `for LEADERBOARD_HISTORY_DAYS=${historyDays}`
  if (history === 'off') return []
  if (history === 'all') return [`No movement of this person is on record; each is kept ${days}.`]
  return [`No movement of this person is on record: of each run the hundred largest are kept (LEADERBOARD_HISTORY=top), ${days}.`]
}

function changeSentences(person: PersonStanding, change: PositionChange): readonly string[] {
  const { at, since, toPosition, events } = change
  const isElsewhere = notRanked(person) === null && toPosition !== person.position
  const between = `${since === null ? '' : `after ${since.toISOString()} and `}before it`
  const covered = events.length === MOST_EVENTS ? `the newest ${MOST_EVENTS}` : some(events.length, 'event')
  return [
    `The last movement on record: ${movement(change)}, by the recalculation that began at ${at.toISOString()}.`,
    ...(isElsewhere ? [`What has moved this person to ${person.position} since is not on record.`] : []),
    events.length === 0
      ? `It covered no event of the campaign: what changed was found in the rows (somebody joined, left or was edited), or its event was accepted later.`
      : `It covered what was accepted ${between}, ${covered}:`,
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
  if (last === null) return 'The campaign was never recalculated.'
  const how = last.mode === 'windowed' ? 'windows around who had changed' : 'everybody'
  return `Last recalculated at ${last.beganAt.toISOString()}: ${how}, ${some(last.rowsChanged, 'row')} written.`
}

function some(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
