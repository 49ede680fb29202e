import { pausedSubject, pauseTerms, type Pause } from '../../model/pause.ts'
import { asSentence } from '../../std/failure.ts'
import type { BlockedStatement, ChannelWords, DueWork, GroupInside, RecordHead } from './lag-ports.ts'
import { roughly, type LagWord } from './lag-verdict.ts'

/** Why a group or partition is behind; docs/reference/health.md explains each. */
export const lagCauses = [
  'log',
  'stopped',
  'pause',
  'no-process',
  'quiet',
  'lock',
  'destination',
  'retry',
  'event',
  'recalculation',
  'campaign',
  'backlog',
  'endpoint',
  'load',
] as const

export interface LagCause {
  readonly is: (typeof lagCauses)[number]
  readonly sentence: string
  readonly pause?: Pause
  readonly lock?: BlockedStatement
  readonly campaignId?: string
  readonly destination?: string
}

/** What may be behind a verdict. Everything but the word is null or empty where it is not known. */
export interface CauseQuestion {
  readonly word: LagWord
  /** The sentence of the verdict. */
  readonly verdict: string
  readonly pause: Pause | null
  /** Reasons for which a process of the group does not fetch. */
  readonly paused: readonly string[]
  /** Why a process of the group waits: it retries an event, or cannot reach something. */
  readonly waiting: string | null
  /** The next record that was not read. */
  readonly head: (RecordHead & { readonly partition: number }) | null
  readonly inside: GroupInside | null
  readonly blocked: readonly BlockedStatement[]
  /** What deliveries wait for, and why; completes "The log is read, but ...". */
  readonly destination: { readonly name: string; readonly sentence: string } | null
  readonly channels: readonly ChannelWords[]
}

/** A campaign with this share of at least so many due intents is hot. */
const HOT_SHARE = 0.5
const HOT_LEAST = 100

/** The most specific cause that the facts support; null for a group that is well. */
export function causeOf(question: CauseQuestion): LagCause | null {
  const { word, verdict, pause, paused, waiting, head, inside, blocked, destination } = question
  const endpoint = endpointOf(question)
  if (word === 'ok') return null
  if (word === 'data-lost') return { is: 'log', sentence: verdict }
  if (word === 'stopped') return { is: 'stopped', sentence: verdict }
  if (pause !== null) return { is: 'pause', sentence: `${pausedSubject(pause)} is ${pauseTerms(pause)}.`, pause }
  if (word === 'no-member') return { is: 'no-process', sentence: 'No process runs the group.' }
  if (paused.includes('quiet')) return { is: 'quiet', sentence: 'A process of the group is quiet since SIGTSTP; SIGCONT resumes it.' }
  const [lock] = blocked
  if (lock !== undefined && word !== 'breaker-open') return { is: 'lock', sentence: lockSentence(lock), lock }
  if (destination !== null) return { is: 'destination', sentence: destination.sentence, destination: destination.name }
  if (waiting !== null) {
    const what = waiting.replace(/\.$/, '')
    return { is: 'retry', sentence: asSentence(head === null ? what : `${what}; the next record is ${eventText(head)}`) }
  }
  if (word === 'stalled' && head !== null) return { is: 'event', sentence: eventSentence(head) }
  const slow = inside?.slow[0]
  const hot = hotCampaignOf(inside?.due ?? [])
  const due = inside?.due?.toSorted((a, b) => b.count - a.count)[0]
  if (slow !== undefined && paused.includes('recalculations-late'))
    return {
      is: 'recalculation',
      sentence: `The recalculation of campaign ${slow.campaignId} has taken too long ${times(slow.tries)}.`,
      campaignId: slow.campaignId,
    }
  if (word === 'catching-up' || word === 'falling-behind' || word === 'intents-late' || word === 'paused') {
    if (hot !== null) return { is: 'campaign', sentence: `${hotSentence(hot)}.`, campaignId: hot.campaignId }
    if (word === 'intents-late' && endpoint !== null) return endpoint
    if (word !== 'catching-up' && due !== undefined && due.count >= HOT_LEAST)
      return {
        is: 'backlog',
        sentence: `${countOf(due)} intents of the ${due.channel} channel are due, and the group takes no more until they are done.`,
      }
  }
  if (word === 'catching-up' || word === 'falling-behind')
    return { is: 'load', sentence: 'No fault is known: there is more to do than these processes have done.' }
  if (word === 'intents-late' && due !== undefined)
    return { is: 'backlog', sentence: `${countOf(due)} intents of the ${due.channel} channel are due.` }
  return endpoint
}

/** Who holds a lock, since when, and what waits for it. */
export function lockSentence({ pid, application, statement, forMs, by }: BlockedStatement): string {
  const since = by.forMs === null ? '' : `, whose transaction has been open for ${roughly(by.forMs)}`
  const state = by.state === null || by.state === 'active' ? '' : ` (${by.state})`
  const holder = `"${by.application}" with pid ${by.pid}${state}${since}`
  if (pid === null) return `Locks of ${statement ?? 'our tables'} are held by ${holder}.`
  const waits = statement === null ? `A statement of "${application}" (pid ${pid})` : `${statement} of "${application}" (pid ${pid})`
  return `${waits} has waited ${forMs === null ? '' : `${roughly(forMs)} `}for a lock of ${holder}.`
}

/** Such as "offset 12 of partition 0 (user.signed_up, event <id>)". */
export function eventText({ partition, offset, type, eventId }: Omit<RecordHead, 'timestamp'> & { readonly partition: number }): string {
  return `offset ${offset} of partition ${partition} (${type ?? 'no type in its headers'}${eventId === null ? '' : `, event ${eventId}`})`
}

/** The event that keeps the others of its partition from being read. */
export function eventSentence(head: Parameters<typeof eventText>[0]): string {
  return `Nothing behind ${eventText(head)} is read.`
}

/** A campaign that most of what is due in one channel belongs to. */
export interface HotCampaign {
  readonly campaignId: string
  /** Its due intents in the channel. */
  readonly count: number
  readonly work: DueWork
}

/** The campaign that most of what is due in one channel belongs to; null when none stands out. */
export function hotCampaignOf(due: readonly DueWork[]): HotCampaign | null {
  for (const work of due.toSorted((a, b) => b.count - a.count)) {
    const [first] = work.campaigns
    if (first === undefined || work.count < HOT_LEAST || first.count < work.count * HOT_SHARE) continue
    return { ...first, work }
  }
  return null
}

/** Such as "Campaign <id> has 300 of the 320 due intents of the email channel". */
export function hotSentence({ campaignId, count, work }: HotCampaign): string {
  return `Campaign ${campaignId} has ${count} of the ${countOf(work)} due intents of the ${work.channel} channel`
}

function endpointOf({ inside, channels }: CauseQuestion): LagCause | null {
  for (const { channel, destination, waiting } of inside?.away ?? []) {
    const words = channels.find(({ name }) => name === channel)
    if (words === undefined || words.sole !== null || waiting === 0) continue
    return { is: 'endpoint', sentence: `${waiting} ${words.deliveries} wait for ${words.destination} ${destination}.`, destination }
  }
  return null
}

/** Channels stop counting at the same limit, so a round figure is a lower bound. */
function countOf({ count: due }: DueWork): string {
  return due >= 5_000 ? `${due} or more` : String(due)
}

function times(tries: number): string {
  return tries === 1 ? 'once' : `${tries} times in a row`
}
