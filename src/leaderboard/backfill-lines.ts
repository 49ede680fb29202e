import type { Clock } from '../std/clock.ts'
import type { Backfilled, BackfillFact, ReportBackfill } from './backfill.ts'

/** The least time between two progress lines, and between two lines about the same lock. Milliseconds. */
const EVERY_MS = 5_000
const LOCKED_EVERY_MS = 30_000

/** Progress lines of a backfill for an operator: one every few seconds, however many campaigns there are; campaigns that are left out are reported at once. */
export function createBackfillLines(clock: Pick<Clock, 'monotonic'>, line: (text: string) => void): ReportBackfill {
  let writtenAt = clock.monotonic()
  const lockWrittenAt = new Map<string, number>()
  const now = (text: string) => {
    writtenAt = clock.monotonic()
    line(text)
  }
  const once = (key: string, text: string) => {
    if (clock.monotonic() - (lockWrittenAt.get(key) ?? -Infinity) < LOCKED_EVERY_MS) return
    lockWrittenAt.set(key, clock.monotonic())
    line(text)
  }
  return (fact) => {
    const campaign = `campaign ${fact.campaignId}`
    if (fact.is === 'rows-locked') once('rows', `${campaign}: another session has locked rows, trying again`)
    else if (fact.is === 'postponed') once(campaign, `${campaign}: another session ${lockedBy[fact.by]}, trying again after the others`)
    else if (fact.is === 'ended' && fact.backfilled.is === 'other-points') now(`${campaign}: ${leftAlone(fact.backfilled)}`)
    else if (clock.monotonic() - writtenAt >= EVERY_MS) now(`${campaign}: ${fact.is === 'ranked' ? progress(fact) : ended(fact)}`)
  }
}

const lockedBy = { campaign: 'ranks it', rows: 'holds locks on its rows' } as const

function progress({ ranked, of, rows, ms }: Extract<BackfillFact, { is: 'ranked' }>): string {
  const perSecond = ms > 0 ? (rows * 1_000) / ms : 0
  const left = perSecond > 0 ? `, about ${Math.ceil((of - ranked) / perSecond)} s left` : ''
  return `${number(ranked)} of ${number(of)} ranked, ${number(Math.round(perSecond))} rows/s${left}`
}

function ended({ backfilled, left }: Extract<BackfillFact, { is: 'ended' }>): string {
  const what = backfilled.is === 'done' ? `done, ${number(backfilled.rows)} ranked` : 'nothing left to do'
  return left === 0 ? what : `${what}; ${some(left, 'campaign')} left`
}

function leftAlone({ rankedWith, points }: Extract<Backfilled, { is: 'other-points' }>): string {
  return (
    `left to a daemon, which ranks the whole campaign in one transaction: its participants were ranked with ` +
    `${some(rankedWith, 'point')} per referral, and the setting is ${points}`
  )
}

/** The overall result, in one sentence. */
export function backfillSummary(ended: ReadonlyMap<string, Backfilled>, seconds: number): string {
  const { ranked, corrected, done, left } = backfillTotals(ended)
  if (ended.size === 0) return 'Nothing to do: every participant has a rank.'
  const changed = corrected === 0 ? '' : `, and ${some(corrected, 'row')} written for later changes`
  const alone = left === 0 ? '' : ` ${some(left, 'campaign')} left to a daemon, see above.`
  return `Done: ${some(ranked, 'participant')} of ${some(done, 'campaign')} ranked in ${seconds} s${changed}.${alone}`
}

export function backfillTotals(ended: ReadonlyMap<string, Backfilled>) {
  const all = [...ended.values()]
  const sum = (count: (one: Backfilled) => number) => all.reduce((total, one) => total + count(one), 0)
  return {
    ranked: sum((one) => ('rows' in one ? one.rows : 0)),
    corrected: sum((one) => (one.is === 'done' ? one.corrected : 0)),
    done: sum((one) => (one.is === 'done' ? 1 : 0)),
    left: sum((one) => (one.is === 'other-points' ? 1 : 0)),
  }
}

/** The outcome of each campaign, for programs. */
export function backfillRows(ended: ReadonlyMap<string, Backfilled>): readonly object[] {
  return [...ended].map(([campaign, { is, ...figures }]) => ({ campaign, outcome: is, ...figures }))
}

function some(count: number, one: string): string {
  return `${number(count)} ${one}${count === 1 ? '' : 's'}`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
