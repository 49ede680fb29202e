import type { Clock } from '../std/clock.ts'
import type { Observe } from '../model/fact.ts'
import type { Destinations } from './destinations.ts'
import type { LocalQueue } from './local-queue.ts'
import type { Intent, IntentClass } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import type { ClaimRequest, IntentStore } from './intent-store.ts'
import type { KindTable } from './kind-table.ts'
import { mostPerChannel } from './bulkhead.ts'
import { DeferredIntents } from './deferred-intents.ts'
import { putAside } from './put-aside.ts'
import { ReplayShare } from './replay-share.ts'
import type { WorkGate } from './work-gate.ts'

/** How long a claim that found nothing for others counts: at least so many milliseconds, and at least so many times what it took. */
const ALONE_MS = 250
const ALONE_FACTOR = 10

/**
 * A campaign of which an intent was just deferred probably has more like it in front of everybody else's, each to be read, prepared
 * and deferred: it goes behind the others for so long, except in one claim of four, since its other endpoints may work. Milliseconds.
 */
const SET_BACK_MS = 5_000
const SET_BACK_TURNS = 4

export interface ClaimingSettings {
  readonly group: string
  /** A name for the next claim that no other has. */
  readonly nextOwner: () => string
  readonly poolSize: number
  readonly kinds: KindTable
  readonly store: IntentStore
  readonly destinations: Destinations
  readonly queue: LocalQueue
  /** Intents of the channel that may still be claimed. */
  readonly room: (channel: ChannelName) => number
  /** They are enough for a claim. */
  readonly isWorthAClaim: (channel: ChannelName) => boolean
  readonly leaseMs: (channel: ChannelName) => number
  /** Called before each query. */
  readonly turn: () => void
  readonly clock: Pick<Clock, 'monotonic' | 'now'>
  readonly gate: WorkGate
  readonly observe: Observe
}

/** What is claimed next, and what is passed over. */
export interface Claiming {
  /**
   * Claims of each channel for which there is room for a block; true when there may be more to claim at once. Never rejects.
   *
   * @param all also of channels of which nothing more was due at the last claim: others may have written something.
   */
  once(all: boolean): Promise<boolean>
  /** How many free workers may take intents that were just accepted: none while older ones of the channel are due, or its destination is unavailable. */
  mayOvertake(channel: ChannelName): number
  /** Called when an intent of the channel has ended: whether there may be something to claim instead. */
  worthALook(channel: ChannelName): boolean
  /** Something may be due that was not claimed. */
  someLeft(): boolean
  /** The only destination of the channel takes no delivery now. */
  isAway(channel: ChannelName): boolean
  /** Accepts wrote more intents than they claimed. */
  moreWritten(): void
  deferred(intent: Intent, destination: string): void
  /** Whether the intent may wait for its busy destination here: not in front of others that were deferred for it before. */
  mayLineUp(intent: Intent, destination: string): boolean
}

export function createClaiming(settings: ClaimingSettings): Claiming {
  const { group, nextOwner, poolSize, kinds, store, destinations, queue, room, isWorthAClaim, leaseMs, turn, clock, gate, observe } =
    settings
  const claims = new Map<ChannelName, number>()
  const deferred = new Map<ChannelName, DeferredIntents>()
  for (const channel of kinds.channels) {
    if (!destinations.defers(channel)) continue
    const isPaused = (destination: string) => gate.isDestinationPaused(destination)
    deferred.set(channel, new DeferredIntents({ group, channel, store, destinations, queue, clock, isPaused }))
  }
  const replays = new ReplayShare(poolSize, queue)
  /** Channels whose last claim came back short: nothing more was due than was claimed. */
  const short = new Set<ChannelName>()
  const sending = kinds.channels.filter((channel) => destinations.sends(channel))
  const most = mostPerChannel(poolSize, sending.length)
  for (const channel of sending) queue.limit(channel, most)
  for (const channel of deferred.keys()) destinations.limit(group, channel, Math.min(most, poolSize))
  /** Until when each campaign is set back, by the process's own clock. */
  const setBack = new Map<string, number>()
  let rounds = 0
  /** How often more was written than was claimed. A claim that began before may not have seen it. */
  let writes = 0
  /** Until when nothing of others is looked for: a claim has just found none. */
  const aloneUntil = { live: -Infinity, other: -Infinity }

  async function once(all: boolean): Promise<boolean> {
    const channels = kinds.channels.filter((channel) => isWorthAClaim(channel) && (all || mayHaveMore(channel)))
    if (channels.length === 0) return false
    if (all && mayBeIdle() && !(await isAnyDue())) return false
    // Whether others wait is known only when every channel was queried.
    const isComplete = kinds.channels.every((channel) => channels.includes(channel) || !mayHaveMore(channel))
    // Of intents that came from an accept: the accounts of claimed ones are known.
    const unknown = queue.campaignsOfUnknownAccount()
    if (unknown.length > 0) await learnAccounts(unknown)
    const behind = passedOver()
    const isAnybody = behind.campaigns.length > 0 || behind.accounts.length > 0
    const turns: Turns = new Map(channels.map((channel) => [channel, nextTurn(channel)]))
    const isTurnOfOthers = [...turns.values()].some((first) => first !== 'live')
    for (const pass of isAnybody ? [isTurnOfOthers ? dueOfOthers : liveOfOthers, restOfOthers, rest] : [anything]) {
      if (pass !== dueOfOthers && isAnybody && pass.finds.some((kind) => performance.now() < aloneUntil[kind])) continue
      const [from, writesBefore] = [performance.now(), writes]
      if (await claimRound(channels, pass, turns, behind)) return true
      const took = performance.now() - from
      for (const kind of writes === writesBefore ? pass.finds : []) {
        if (isAnybody) aloneUntil[kind] = performance.now() + Math.max(ALONE_MS, took * ALONE_FACTOR)
        if (isComplete) queue.alone[kind] = true
      }
      queue.fill()
    }
    return false
  }

  /** Nothing is held, nothing was due at the last claims, and it is not time to search for deferred intents. */
  function mayBeIdle(): boolean {
    if (queue.size > 0 || kinds.channels.some(mayHaveMore)) return false
    return ![...deferred.values()].some(({ isSearchDue }) => isSearchDue)
  }

  /**
   * A due check that all groups of the process share, in place of a claim for each channel. An accept of this process that writes meanwhile
   * wakes the loop, and its intents are claimed without a check.
   */
  async function isAnyDue(): Promise<boolean> {
    turn()
    try {
      return await store.isDue(
        group,
        kinds.channels.filter((channel) => !gate.isClosed(channel)),
      )
    } catch {
      // The database is away or too slow, which its probe reports; the next poll is the retry.
      return false
    }
  }

  /** Whether unclaimed intents of the channel may be due. */
  function mayHaveMore(channel: ChannelName): boolean {
    return !short.has(channel) || deferred.get(channel)?.some === true || replays.mayHaveMore(channel)
  }

  function forgetShort(): void {
    writes += 1
    short.clear()
  }

  /** An intent does not name its account, because accept reads no table of the platform. */
  async function learnAccounts(campaigns: readonly string[]): Promise<void> {
    turn()
    try {
      queue.learnAccounts(campaigns, await store.accountsOf(campaigns))
    } catch {
      // The database is away or too slow, which its probe reports; the next claim is the retry.
    }
  }

  /** Campaigns and accounts that others go before. */
  function passedOver(): Behind {
    for (const [campaignId, until] of setBack) if (until < performance.now()) setBack.delete(campaignId)
    const { campaignsAtShare, accountsAtShare: accounts } = queue
    const campaigns = rounds % SET_BACK_TURNS === 0 ? campaignsAtShare : [...new Set([...campaignsAtShare, ...setBack.keys()])]
    return { campaigns, accounts }
  }

  /** True when a claim came back full. */
  async function claimRound(channels: readonly ChannelName[], pass: Pass, turns: Turns, behind: Behind): Promise<boolean> {
    let full = false
    // Each round begins with another channel: one whose work never runs out takes all the room whenever it comes first.
    const begin = rounds++ % channels.length
    for (const channel of [...channels.slice(begin), ...channels.slice(0, begin)]) {
      // No more than a share at a time: what one campaign has due must not fill the room before the other channels were claimed from.
      const limit = isWorthAClaim(channel) ? Math.min(room(channel), queue.shareOfQueue, allowed(channel)) : 0
      if (limit > 0) full = (await claimOf(channel, limit, pass, turns.get(channel) ?? 'live', behind)) || full
      else short.delete(channel)
    }
    return full
  }

  async function claimOf(channel: ChannelName, limit: number, pass: Pass, first: IntentClass, behind: Behind): Promise<boolean> {
    turn()
    const writesBefore = writes
    try {
      const deferredHere = deferred.get(channel)
      const request = (await deferredHere?.wanted()) ?? { wanted: [], at: 0 }
      const replayRoom = replays.room
      const intents = await store.claim({
        group,
        channel,
        kinds: kinds.known(channel),
        owner: nextOwner(),
        limit,
        leaseMs: leaseMs(channel),
        order: pass.order(first),
        replays: replayRoom,
        without: pass.passesOver.length === 0 ? nobody : { ...behind, classes: pass.passesOver },
        deferred: request.wanted,
        deferredShare: Math.floor((limit + ((claims.get(channel) ?? 0) % 2)) / 2),
      })
      const full = intents.length === limit
      const isOfAll = pass.passesOver.length === 0
      const hadRoomForReplays = replays.claimed(channel, replayRoom, intents, isOfAll && !full)
      deferredHere?.claimed(request, intents, !full && isOfAll && hadRoomForReplays)
      if (full || !isOfAll || writes !== writesBefore) short.delete(channel)
      else short.add(channel)
      if (intents.length > 0) observe({ is: 'claimed', group, channel, count: intents.length })
      const unpaused = await withoutPaused(intents)
      // Before any of them begins: an account could take all free workers through unknown campaigns.
      const unknown = queue.campaignsOfUnknownAccount(unpaused)
      if (unknown.length > 0) await learnAccounts(unknown)
      // A full claim without a single live intent, say, does not mean that others have live ones.
      const isFound = (kind: Urgency) => intents.some((intent) => (intent.class === 'live') === (kind === 'live'))
      const saysMore = (kind: Urgency) => isFound(kind) && performance.now() >= aloneUntil[kind]
      if (full) for (const kind of pass.finds.filter(saysMore)) queue.alone[kind] = false
      queue.add(unpaused)
      return full
    } catch {
      // The database is away or too slow, which its probe reports; the next claim is the retry.
      short.add(channel)
      return false
    }
  }

  /** Sets aside what a pause covers. Throws SqlError. */
  async function withoutPaused(intents: readonly Intent[]): Promise<readonly Intent[]> {
    if (gate.isOpen) return intents
    try {
      await gate.learn(intents)
      const held = intents.flatMap((intent) => {
        const pause = gate.pauseOf(intent)
        return pause === null ? [] : [{ intent, pause }]
      })
      await putAside(store, held, clock.now())
      const paused = new Set(held.map(({ intent }) => intent))
      return intents.filter((intent) => !paused.has(intent))
    } catch (error) {
      // Without the database they are not released: their leases expire later.
      await store.release(intents.map(({ claim }) => claim)).catch(() => undefined)
      throw error
    }
  }

  /** Counted per channel: with one count for two that take turns, every tenth claim would always be for the same one. */
  function nextTurn(channel: ChannelName): IntentClass {
    const count = (claims.get(channel) ?? 0) + 1
    claims.set(channel, count)
    return firstClass(count)
  }

  /** How many of the channel its only destination has permits for. */
  function allowed(channel: ChannelName): number {
    const sole = destinations.soleOf(channel)
    return sole === null ? Infinity : destinations.permits(channel, sole, queue.ofChannel(channel))
  }

  return {
    once,
    mayOvertake: (channel) => (short.has(channel) ? Math.min(allowed(channel), queue.free(channel)) : 0),
    worthALook(channel) {
      // A step of a broadcast may have written a page of mails and be due again itself: claimed at once, not at the next poll.
      if (destinations.writesIntents(channel)) forgetShort()
      return kinds.channels.some(mayHaveMore)
    },
    someLeft: () => kinds.channels.some(mayHaveMore),
    isAway(channel) {
      const sole = destinations.soleOf(channel)
      return sole !== null && destinations.permits(channel, sole) <= 0
    },
    moreWritten() {
      Object.assign(aloneUntil, { live: -Infinity, other: -Infinity })
      forgetShort()
    },
    mayLineUp: ({ channel, destination: known }, destination) => known === destination || deferred.get(channel)?.has(destination) !== true,
    deferred({ channel, campaignId }, destination) {
      deferred.get(channel)?.add(destination)
      setBack.set(campaignId, performance.now() + SET_BACK_MS)
    },
  }
}

type Behind = Pick<ClaimRequest['without'], 'campaigns' | 'accounts'>

/** Live intents, or the others: those of broadcasts and replays. */
type Urgency = 'live' | 'other'

/** Which class each channel's claims begin with. */
type Turns = ReadonlyMap<ChannelName, IntentClass>

/** A look at what is due. Live intents go before all others, and within either the campaigns and accounts below their share before those that have it. */
interface Pass {
  /** The classes that are claimed when it is the turn of `first`. */
  readonly order: (first: IntentClass) => readonly IntentClass[]
  /** Of these classes campaigns and accounts at their share are passed over. */
  readonly passesOver: readonly IntentClass[]
  /** When it comes back short, nothing more of these is due of those that it did not pass over. */
  readonly finds: readonly Urgency[]
}

const classes: readonly IntentClass[] = ['live', 'broadcast', 'replay']
const usualOrder: Pass['order'] = (first) => [first, ...classes.filter((name) => name !== first)]
const anything: Pass = { order: usualOrder, passesOver: [], finds: ['live', 'other'] }
const liveOfOthers: Pass = { order: () => ['live'], passesOver: classes, finds: ['live'] }
/** Takes the place of the first when it is the turn of broadcasts or replays: where no others have any, those of campaigns at their share have the turn. */
const dueOfOthers: Pass = { order: (first) => [...new Set([first, 'live' as const])], passesOver: classes, finds: ['live', 'other'] }
const restOfOthers: Pass = { order: usualOrder, passesOver: ['broadcast', 'replay'], finds: ['other'] }
const rest: Pass = { order: usualOrder, passesOver: [], finds: [] }

const nobody: ClaimRequest['without'] = { campaigns: [], accounts: [], classes: [] }

/** While live work never runs out, one claim in ten of a channel begins with broadcasts. Replays wait until nothing else is due. */
function firstClass(claims: number): IntentClass {
  return claims % 10 === 0 ? 'broadcast' : 'live'
}
