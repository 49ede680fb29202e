import type { EntryOf } from './history.ts'
import type { ExpectedMail } from './expected-mails.ts'
import { isBefore, positionOf, type Ranked } from './ranking.ts'
import type { Findings } from './check-report.ts'
import { formatTime } from './check-report.ts'
import { isLostTime, type ParsedHistory } from './parsed-history.ts'
import type { PlatformState } from './platform-state.ts'

/** A position mail that no state of its campaign has explained yet. */
interface OpenMail {
  readonly expected: ExpectedMail
  readonly mail: EntryOf<'mail'>
  readonly shown: number
  readonly person: Ranked
  /** Every value of the campaign's points since the referral: points and rows may be read one after the other. */
  readonly points: Set<number>
  /** The position in this state, by points. */
  readonly positions: Map<number, number>
}

interface Campaign {
  readonly people: Map<string, Ranked>
  points: number
  readonly open: Set<OpenMail>
}

/**
 * A position mail shows the position that its person had in some state of the campaign between the change of its event and the mail.
 * The states are replayed change by change. A mail that waited too long is marked and counted, and exempt from the check.
 */
export function checkPositionMails(
  history: ParsedHistory,
  platform: PlatformState,
  expectedMails: ReadonlyMap<string, ExpectedMail>,
  findings: Findings,
): void {
  const waiting = waitingMails(history, platform, expectedMails, findings)
  const campaigns = new Map<string, Campaign>()
  for (const { id, points } of history.seedData.campaigns) campaigns.set(id, { people: new Map(), points, open: new Set() })
  const confirmed = new Set<string>()
  for (const { change, from } of history.changes) {
    if (change.is === 'grant' || change.is === 'revoke' || change.is === 'verify') continue
    if (change.is === 'confirm' && confirmed.has(change.referralId)) continue
    const campaignId = 'campaignId' in change ? change.campaignId : campaignOf(platform, change)
    const campaign = campaigns.get(campaignId)
    if (campaign === undefined) throw new Error(`A change is about campaign ${campaignId}, which the seed data do not contain.`)
    // The mail does not show changes that began after its arrival.
    for (const openMail of campaign.open) if (from > openMail.mail.at) close(campaign, openMail, findings)
    apply(campaign, change)
    if (change.is !== 'confirm') continue
    confirmed.add(change.referralId)
    for (const { expected, mail, shown } of waiting.get(change.referralId) ?? []) {
      const person = campaign.people.get(expected.userId)
      if (person === undefined || from > mail.at) {
        findings.violated('I5', `${name(expected)} went out at ${formatTime(mail.at)}, before its referral was confirmed.`)
        continue
      }
      // A referral without points makes no row dirty, so its mail waits for no recalculation.
      if (campaign.points === 0) {
        findings.count('positionMailsWithoutPoints')
        continue
      }
      const positions = new Map([[campaign.points, positionOf(person, campaign.people.values(), campaign.points)]])
      const openMail: OpenMail = { expected, mail, shown, person, points: new Set([campaign.points]), positions }
      if (![...positions.values()].includes(shown)) campaign.open.add(openMail)
    }
  }
  for (const campaign of campaigns.values()) for (const openMail of campaign.open) close(campaign, openMail, findings)
}

type Waiting = Pick<OpenMail, 'expected' | 'mail' | 'shown'>

/** The mails to check, by referral. */
function waitingMails(
  history: ParsedHistory,
  platform: PlatformState,
  expectedMails: ReadonlyMap<string, ExpectedMail>,
  findings: Findings,
): ReadonlyMap<string, readonly Waiting[]> {
  const waiting: Waiting[] = []
  for (const expected of expectedMails.values()) {
    // A second copy has the bytes of the first.
    const [mail] = expected.mails
    if (expected.type !== 'position_update' || mail === undefined) continue
    if (mail.position === undefined) {
      findings.violated('I5', `${name(expected)} of ${formatTime(mail.at)} shows no position.`)
      continue
    }
    if (expected.intent?.reason === 'position-not-recalculated') {
      findings.count('latePositionMails')
      const waitedMs = mail.at - expected.intent.createdAt
      if (waitedMs < history.run.positionMailMaxWaitMs)
        findings.violated('I5', `${name(expected)} is marked as late after ${waitedMs} ms, before its wait was over.`)
      continue
    }
    if (expected.mails.some(({ at }) => isLostTime(history, at))) {
      findings.count('positionMailsOfLostTime')
      continue
    }
    findings.checked('I5')
    findings.count('positionMails')
    if (platform.referrals.has(expected.purpose.mail?.about ?? '')) waiting.push({ expected, mail, shown: mail.position })
    else findings.violated('I5', `${name(expected)} went out, and its referral was never confirmed.`)
  }
  return Map.groupBy(waiting, ({ expected }) => expected.purpose.mail?.about ?? '')
}

type Change = Extract<EntryOf<'change'>['change'], { is: 'join' | 'leave' | 'confirm' | 'points' }>

function campaignOf(platform: PlatformState, change: Exclude<Change, { campaignId: string }>): string {
  const person = platform.people.get(change.is === 'leave' ? change.userId : change.referrerId)
  return person?.campaignId ?? ''
}

/** Applies a change to the campaign and to the positions of the open mails. */
function apply(campaign: Campaign, change: Change): void {
  const { people, open } = campaign
  if (change.is === 'points') {
    campaign.points = change.points
    for (const openMail of open) openMail.points.add(change.points)
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
      (openMail, points) => (isBefore(joined, openMail.person, points) ? 1 : 0),
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
    (openMail, points) => (isBefore(before, openMail.person, points) ? 1 : 0),
    (openMail, points) => (moved.active && isBefore(moved, openMail.person, points) ? 1 : 0),
  )
  recount(campaign, own)
}

type Ahead = (openMail: OpenMail, points: number) => number

/** Adjusts positions for another person who has moved ahead or behind. */
function move(campaign: Campaign, moved: Ranked, before: Ahead, after: Ahead): void {
  for (const openMail of campaign.open) {
    if (openMail.person === moved) continue
    for (const [points, position] of openMail.positions)
      openMail.positions.set(points, position - before(openMail, points) + after(openMail, points))
    closeIfExplained(campaign, openMail)
  }
}

function recount(campaign: Campaign, mails: Iterable<OpenMail>): void {
  for (const openMail of mails) {
    for (const points of openMail.points) openMail.positions.set(points, positionOf(openMail.person, campaign.people.values(), points))
    closeIfExplained(campaign, openMail)
  }
}

/** A person who has left keeps the last position, so that later states do not count. */
function closeIfExplained(campaign: Campaign, openMail: OpenMail): void {
  if (openMail.person.active && [...openMail.positions.values()].includes(openMail.shown)) campaign.open.delete(openMail)
}

function close(campaign: Campaign, openMail: OpenMail, findings: Findings): void {
  campaign.open.delete(openMail)
  const last = [...openMail.positions.values()].join(' or ')
  findings.violated(
    'I5',
    `${name(openMail.expected)} of ${formatTime(openMail.mail.at)} shows position ${openMail.shown}, which its person had in no state since the referral (at the end ${last}).`,
  )
}

function name({ eventId, userId }: ExpectedMail): string {
  return `The position mail about event ${eventId} to ${userId}`
}
