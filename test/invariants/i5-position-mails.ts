import type { EntryOf } from './history.ts'
import type { PlannedMail } from './mail-plan.ts'
import { isBefore, positionOf, type Ranked } from './ranking.ts'
import type { Findings } from './verdict.ts'
import { when } from './verdict.ts'
import { isLostTime, type WholeHistory } from './whole-history.ts'
import type { World } from './world.ts'

/** A position mail that has not been found right yet, while the states of its campaign pass by. */
interface Open {
  readonly planned: PlannedMail
  readonly mail: EntryOf<'mail'>
  readonly shown: number
  readonly person: Ranked
  /** Every setting of the campaign since the referral: settings and rows may be read one after the other. */
  readonly points: Set<number>
  /** The position in this state, by points. */
  readonly positions: Map<number, number>
}

interface Campaign {
  readonly people: Map<string, Ranked>
  points: number
  readonly open: Set<Open>
}

/**
 * A position mail shows the position that its person had in some state of the campaign between the change that its event tells of and
 * the mail. The states are made anew, one change after the other. A mail that waited too long is marked, counted and free.
 */
export function judgePositionMails(history: WholeHistory, world: World, plan: ReadonlyMap<string, PlannedMail>, findings: Findings): void {
  const waiting = waitingMails(history, world, plan, findings)
  const campaigns = new Map<string, Campaign>()
  for (const { id, points } of history.setting.campaigns) campaigns.set(id, { people: new Map(), points, open: new Set() })
  const confirmed = new Set<string>()
  for (const { change, from } of history.changes) {
    if (change.is === 'grant' || change.is === 'revoke' || change.is === 'verify') continue
    if (change.is === 'confirm' && confirmed.has(change.referralId)) continue
    const campaignId = 'campaignId' in change ? change.campaignId : campaignOf(world, change)
    const campaign = campaigns.get(campaignId)
    if (campaign === undefined) throw new Error(`A change is about campaign ${campaignId}, which no setting names.`)
    // What began after the mail had arrived is not in it, and nothing behind it either.
    for (const one of campaign.open) if (from > one.mail.at) close(campaign, one, findings)
    apply(campaign, change)
    if (change.is !== 'confirm') continue
    confirmed.add(change.referralId)
    for (const { planned, mail, shown } of waiting.get(change.referralId) ?? []) {
      const person = campaign.people.get(planned.userId)
      if (person === undefined || from > mail.at) {
        findings.violated('I5', `${name(planned)} went out at ${when(mail.at)}, before its referral was confirmed.`)
        continue
      }
      // A referral that is worth nothing makes no row dirty, and its mail waits for nothing.
      if (campaign.points === 0) {
        findings.count('positionMailsWithoutPoints')
        continue
      }
      const positions = new Map([[campaign.points, positionOf(person, campaign.people.values(), campaign.points)]])
      const one: Open = { planned, mail, shown, person, points: new Set([campaign.points]), positions }
      if (![...positions.values()].includes(shown)) campaign.open.add(one)
    }
  }
  for (const campaign of campaigns.values()) for (const one of campaign.open) close(campaign, one, findings)
}

type Waiting = Pick<Open, 'planned' | 'mail' | 'shown'>

/** The mails to be judged, by the referral that they tell of. */
function waitingMails(
  history: WholeHistory,
  world: World,
  plan: ReadonlyMap<string, PlannedMail>,
  findings: Findings,
): ReadonlyMap<string, readonly Waiting[]> {
  const waiting: Waiting[] = []
  for (const planned of plan.values()) {
    // A second copy has the bytes of the first.
    const [mail] = planned.mails
    if (planned.type !== 'position_update' || mail === undefined) continue
    if (mail.position === undefined) {
      findings.violated('I5', `${name(planned)} of ${when(mail.at)} shows no position.`)
      continue
    }
    if (planned.intent?.reason === 'position-not-recalculated') {
      findings.count('latePositionMails')
      const waitedMs = mail.at - planned.intent.createdAt
      if (waitedMs < history.run.positionMailMaxWaitMs)
        findings.violated('I5', `${name(planned)} is marked as late after ${waitedMs} ms, before its wait was over.`)
      continue
    }
    if (planned.mails.some(({ at }) => isLostTime(history, at))) {
      findings.count('positionMailsOfLostTime')
      continue
    }
    findings.checked('I5')
    findings.count('positionMails')
    if (world.referrals.has(planned.purpose.mail?.about ?? '')) waiting.push({ planned, mail, shown: mail.position })
    else findings.violated('I5', `${name(planned)} went out, and its referral was never confirmed.`)
  }
  return Map.groupBy(waiting, ({ planned }) => planned.purpose.mail?.about ?? '')
}

type Change = Extract<EntryOf<'change'>['change'], { is: 'join' | 'leave' | 'confirm' | 'points' }>

function campaignOf(world: World, change: Exclude<Change, { campaignId: string }>): string {
  const person = world.people.get(change.is === 'leave' ? change.userId : change.referrerId)
  return person?.campaignId ?? ''
}

/** Brings the campaign, and the positions of the mails that are open, one change further. */
function apply(campaign: Campaign, change: Change): void {
  const { people, open } = campaign
  if (change.is === 'points') {
    campaign.points = change.points
    for (const one of open) one.points.add(change.points)
    return recount(campaign, open)
  }
  if (change.is === 'join') {
    const { userId: id, originalPosition, createdAt } = change
    if (people.has(id)) return
    const joined = { id, originalPosition, createdAt, referrals: 0, active: true }
    people.set(id, joined)
    return move(
      campaign,
      joined,
      () => 0,
      (one, points) => (isBefore(joined, one.person, points) ? 1 : 0),
    )
  }
  const moved = people.get(change.is === 'leave' ? change.userId : change.referrerId)
  if (moved === undefined || !moved.active) return
  const before = { ...moved }
  if (change.is === 'leave') moved.active = false
  else moved.referrals += 1
  const own = [...open].filter(({ person }) => person === moved)
  move(
    campaign,
    moved,
    (one, points) => (isBefore(before, one.person, points) ? 1 : 0),
    (one, points) => (moved.active && isBefore(moved, one.person, points) ? 1 : 0),
  )
  recount(campaign, own)
}

type Ahead = (one: Open, points: number) => number

/** Somebody else stood ahead or not, and does now or not. */
function move(campaign: Campaign, moved: Ranked, before: Ahead, after: Ahead): void {
  for (const one of campaign.open) {
    if (one.person === moved) continue
    for (const [points, position] of one.positions) one.positions.set(points, position - before(one, points) + after(one, points))
    settle(campaign, one)
  }
}

function recount(campaign: Campaign, mails: Iterable<Open>): void {
  for (const one of mails) {
    for (const points of one.points) one.positions.set(points, positionOf(one.person, campaign.people.values(), points))
    settle(campaign, one)
  }
}

/** Whoever has left keeps what he was last ranked at, so that his own states end there. */
function settle(campaign: Campaign, one: Open): void {
  if (one.person.active && [...one.positions.values()].includes(one.shown)) campaign.open.delete(one)
}

function close(campaign: Campaign, one: Open, findings: Findings): void {
  campaign.open.delete(one)
  const last = [...one.positions.values()].join(' or ')
  findings.violated(
    'I5',
    `${name(one.planned)} of ${when(one.mail.at)} shows position ${one.shown}, which its person had in no state since the referral (at the end ${last}).`,
  )
}

function name({ eventId, userId }: PlannedMail): string {
  return `The position mail about event ${eventId} to ${userId}`
}
