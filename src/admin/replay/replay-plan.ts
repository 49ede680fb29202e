import type { ReplayRange } from '../../ingest/replay-job.ts'
import { sumCounts, type ReplayCount } from '../../model/replay.ts'
import type { Foreseen } from './foresee.ts'
import { subjectsInWords, SubjectTally, type ForeseenSubjects } from './foreseen-subjects.ts'

/** What would become of the intents of one label, counted. Subjects are shown with the plan and not stored with the job: they may name people. */
export interface PlannedEnd extends Partial<ForeseenSubjects> {
  readonly label: string
  readonly as: Foreseen['as']
  readonly reason: string | null
  readonly count: number
  /** Different people. */
  readonly people: number
  /** Of broadcasts: the mails that they would write. */
  readonly mails: number
}

/** What a replay would do on the database as it stands. */
export interface ReplayPlan {
  readonly counts: readonly ReplayCount[]
  readonly ends: readonly PlannedEnd[]
  /** Different people who would get a mail, without those of broadcasts. */
  readonly people: number
  /**
   * What would leave or be written: intents that would be sent, or wait to be, with the mails of broadcasts in place of the broadcasts, and the
   * events that a projecting group would take. The number that an operator confirms.
   */
  readonly effects: number
}

/** Collects a plan, chunk by chunk. */
export class PlanTally {
  readonly #isMail: (channel: string) => boolean
  #counts: readonly ReplayCount[] = []
  readonly #ends = new Map<string, PlannedEnd & { readonly ids: Set<string>; readonly tally: SubjectTally }>()
  readonly #mailed = new Set<string>()

  /** @param isMail whether intents of the channel are mails */
  constructor(isMail: (channel: string) => boolean) {
    this.#isMail = isMail
  }

  add(counts: readonly ReplayCount[], foreseen: readonly Foreseen[]): void {
    this.#counts = sumCounts(this.#counts, counts)
    for (const { label, as, reason, userId, channel, mails, subject } of foreseen) {
      const key = `${label}\u0000${as}\u0000${reason ?? ''}`
      const known = this.#ends.get(key) ?? {
        label,
        as,
        reason,
        count: 0,
        people: 0,
        mails: 0,
        ids: new Set<string>(),
        tally: new SubjectTally(),
      }
      if (subject !== null) known.tally.add(subject)
      if (userId !== null) known.ids.add(userId)
      if (userId !== null && this.#isMail(channel) && goesOut(as)) this.#mailed.add(userId)
      this.#ends.set(key, { ...known, count: known.count + 1, people: known.ids.size, mails: known.mails + (mails ?? 0) })
    }
  }

  plan(): ReplayPlan {
    const ends = [...this.#ends]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { label, as, reason, count, people, mails, tally }]) => ({ label, as, reason, count, people, mails, ...tally.result() }))
    const sent = ends.filter(({ as }) => goesOut(as)).reduce((sum, { count, mails }) => sum + (mails > 0 ? mails : count), 0)
    return { counts: this.#counts, ends, people: this.#mailed.size, effects: sent + totalOf(this.#counts, 'projected') }
  }
}

/** The plan as it is stored. */
export function withoutSubjects(plan: ReplayPlan): ReplayPlan {
  return {
    ...plan,
    ends: plan.ends.map(({ label, as, reason, count, people, mails }) => ({ label, as, reason, count, people, mails })),
  }
}

function goesOut(as: Foreseen['as']): boolean {
  return as === 'send' || as === 'wait' || as === 'broken'
}

/** How much a plan would do. */
export type PlannedCounts = Pick<ReplayPlan, 'effects' | 'counts'>

/** Whether a replay would do nothing: no effect, and no recalculation, which is only named. */
export function isEmptyPlan({ effects, counts }: PlannedCounts): boolean {
  return effects === 0 && totalOf(counts, 'recalculation') === 0
}

/** How many of one sort were counted. */
function totalOf(counts: readonly ReplayCount[], what: ReplayCount['what'], of?: string): number {
  return counts.filter((one) => one.what === what && (of === undefined || one.of === of)).reduce((sum, { count }) => sum + count, 0)
}

/** The plan in words, the effects first. */
export function planSentences(group: string, ranges: readonly ReplayRange[], plan: ReplayPlan): readonly string[] {
  const { counts, ends, effects, people } = plan
  const records = ranges.reduce((sum, { from, to }) => sum + (to - from), 0n)
  const of = (what: ReplayCount['what']) => counts.filter((one) => one.what === what)
  return [
    `Replaying ${plural(records, 'record')} of ${plural(ranges.length, 'partition')} for ${group} would have ${plural(effects, 'effect')}` +
      `${people > 0 ? `, with mails to ${plural(people, 'person', 'people')}` : ''}.`,
    ...[...Map.groupBy(of('event'), ({ of: type }) => type)].map(
      ([type, lines]) => `${plural(sumOf(lines), 'event')} ${type}: ${lines.map(({ as, count }) => `${count} ${as}`).join(', ')}.`,
    ),
    ...ends.map(endSentence),
    ...of('revived').map(({ of: label, as, count }) => `${count} of ${label} had ended ${as} and would be tried again.`),
    ...of('spent').map(({ of: label, as, count }) => `${count} of ${label} would be left alone: ${spentWords[as ?? ''] ?? as}.`),
    ...of('capped').map(
      ({ of: label, count }) => `${count} of ${label} would be skipped as replay-cap: the person has had enough mails of replays.`,
    ),
    ...of('recalculation').map(({ count }) => `${plural(count, 'event')} would request a recalculation of the leaderboard.`),
    ...of('projected').map(({ of: type, count }) => `${count} of ${type} would be written into the group's own rows.`),
    ...of('failed').map(
      ({ of: type, as, count }) => `${plural(count, 'record')} of ${type === 'unknown' ? 'an unknown type' : type} would fail as ${as}.`,
    ),
  ]
}

const spentWords: Readonly<Record<string, string>> = {
  sent: 'already sent',
  delivered: 'already delivered',
  unfinished: 'pending or under way',
  held: 'held for the operator',
  forgotten: 'the person was forgotten',
  'this-replay': 'the range holds the effect twice',
}

/** What would become of the intents of one label, in words. */
export function endSentence({ label, as, reason, count, people, mails, subjects = [], otherSubjects = 0 }: PlannedEnd): string {
  const to = people > 0 ? ` to ${plural(people, 'person', 'people')}` : ''
  switch (as) {
    case 'send':
      return mails > 0
        ? `${count} ${label} would write ${plural(mails, 'mail')}.`
        : `${count} ${label}${to} would be sent${subjectsInWords({ subjects, otherSubjects })}.`
    case 'wait':
      return `${count} ${label}${to} would wait (${reason}), and then be sent or skipped.`
    case 'skip':
      return `${count} ${label} would be skipped as ${reason}.`
    case 'dead':
      return `${count} ${label} would be dead at once as ${reason}.`
    case 'broken':
      return `${count} ${label} would wait for a fixed program or schema (${reason}).`
  }
}

function sumOf(lines: readonly ReplayCount[]): number {
  return lines.reduce((sum, { count }) => sum + count, 0)
}

function plural(count: number | bigint, one: string, more = `${one}s`): string {
  return `${count} ${String(count) === '1' ? one : more}`
}
