import type { Clock } from '../std/clock.ts'
import type { Observe } from '../model/fact.ts'
import type { Destinations } from './destinations.ts'
import type { LocalQueue } from './local-queue.ts'
import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import type { ClaimRequest, IntentStore } from './intent-store.ts'
import type { KindTable } from './kind-table.ts'
import { mostPerChannel } from './bulkhead.ts'
import { DeferredIntents } from './deferred-intents.ts'

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
  readonly held: LocalQueue
  /** Intents that may still be claimed. */
  readonly room: () => number
  readonly leaseMs: (channel: ChannelName) => number
  /** Called before each question to the database. */
  readonly turn: () => void
  readonly clock: Pick<Clock, 'monotonic'>
  readonly observe: Observe
}

/** What is claimed next, and what is passed over. */
export interface Claiming {
  /** Claims for every free worker; true when there may be more to claim at once. Never rejects. */
  once(): Promise<boolean>
  /** Free workers may take what was just accepted: nothing older of the channel is due, and its destination is not away. */
  mayOvertake(channel: ChannelName): number
  /** An intent of the channel has ended: whether there may be something to claim in its place. */
  worthALook(channel: ChannelName): boolean
  /** More was written than was claimed. */
  moreWritten(): void
  deferred(intent: Intent, destination: string): void
}

export function createClaiming(settings: ClaimingSettings): Claiming {
  const { group, nextOwner, poolSize, kinds, store, destinations, held, room, leaseMs, turn, clock, observe } = settings
  const claims = new Map<ChannelName, number>()
  const deferred = new Map<ChannelName, DeferredIntents>()
  for (const channel of kinds.channels) {
    if (destinations.defers(channel)) deferred.set(channel, new DeferredIntents({ group, channel, store, destinations, held, clock }))
  }
  /** Channels whose last claim came back short: nothing more was due than was claimed. */
  const short = new Set<ChannelName>()
  const sending = kinds.channels.filter((channel) => destinations.sends(channel))
  const most = mostPerChannel(poolSize, sending.length)
  for (const channel of deferred.keys()) destinations.limit(group, channel, Math.min(most, poolSize))
  /** Until when each campaign is set back, by the process's own clock. */
  const setBack = new Map<string, number>()
  let rounds = 0
  let aloneUntil = -Infinity

  /** Claims for every free worker; true when there may be more to claim at once. */
  async function once(): Promise<boolean> {
    // Of intents that an accept handed over: those that were claimed are known.
    const handedOver = held.campaignsOfUnknownAccount()
    if (handedOver.length > 0) await learnAccounts(handedOver)
    const behind = passedOver()
    const isAnybody = behind.campaigns.length > 0 || behind.accounts.length > 0
    if (!isAnybody || performance.now() < aloneUntil) {
      const more = await claimRound(nobody, isAnybody)
      if (!isAnybody) held.alone = !more
      held.fill()
      return more
    }
    const from = performance.now()
    const more = await claimRound(behind)
    held.alone = !more
    if (more) return true
    const took = performance.now() - from
    aloneUntil = performance.now() + Math.max(ALONE_MS, took * ALONE_FACTOR)
    held.fill()
    return room() > 0 && claimRound(nobody, true)
  }

  /** No intent says whose it is: accept reads no table of the platform. */
  async function learnAccounts(campaigns: readonly string[]): Promise<void> {
    turn()
    try {
      held.learnAccounts(campaigns, await store.accountsOf(campaigns))
    } catch {
      // The database is away or too slow, which its probe reports; the next look is the retry.
    }
  }

  /** Campaigns and accounts that others go before. */
  function passedOver(): ClaimRequest['without'] {
    for (const [campaignId, until] of setBack) if (until < performance.now()) setBack.delete(campaignId)
    const { campaignsAtShare, accountsAtShare: accounts } = held
    const campaigns = rounds % SET_BACK_TURNS === 0 ? campaignsAtShare : [...new Set([...campaignsAtShare, ...setBack.keys()])]
    return { campaigns, accounts }
  }

  /**
   * True when a claim came back full.
   *
   * @param isRest campaigns and accounts at their share take what is left, since nobody else has due work.
   */
  async function claimRound(without: ClaimRequest['without'], isRest = false): Promise<boolean> {
    let full = false
    // Each round begins with another channel: one whose work never runs out takes all the room whenever it comes first.
    const begin = rounds++ % kinds.channels.length
    for (const channel of [...kinds.channels.slice(begin), ...kinds.channels.slice(0, begin)]) {
      // No more than a share at a time: what one campaign has due must not fill the room before the other channels were claimed from.
      const limit = Math.min(room(), held.share, allowed(channel, without === nobody ? 0 : blockedOf(channel).length))
      if (limit > 0) full = (await claimOf(channel, limit, without, isRest)) || full
      else short.delete(channel)
    }
    return full
  }

  async function claimOf(channel: ChannelName, limit: number, without: ClaimRequest['without'], isRest: boolean): Promise<boolean> {
    turn()
    try {
      const deferredHere = deferred.get(channel)
      const request = (await deferredHere?.wanted()) ?? { wanted: [], at: 0 }
      const intents = await store.claim({
        group,
        channel,
        kinds: kinds.known(channel),
        owner: nextOwner(),
        limit,
        leaseMs: leaseMs(channel),
        first: nextFirst(channel),
        without,
        deferred: request.wanted,
        deferredShare: Math.floor((limit + ((claims.get(channel) ?? 0) % 2)) / 2),
      })
      const full = intents.length === limit
      const isOfAll = without === nobody
      deferredHere?.claimed(request, intents, !full && isOfAll)
      if (full || !isOfAll) short.delete(channel)
      else short.add(channel)
      if (intents.length > 0) observe({ is: 'claimed', group, channel, count: intents.length })
      // Before any of them begins: by unknown campaigns an account would take all free workers at once.
      const unknown = held.campaignsOfUnknownAccount(intents)
      if (unknown.length > 0) await learnAccounts(unknown)
      // What was found when others had no due work does not hold any more.
      if (full && !isRest) held.alone = false
      // Blocked intents made the claim possible: those that came last go back for what it came to.
      const tooMany = Math.max(0, intents.length - Math.max(0, allowed(channel)))
      const replaced = held.take(blockedOf(channel).toReversed().slice(0, tooMany))
      held.add(intents)
      // Not given back for lack of a database: their leases give them back later.
      if (replaced.length > 0) {
        short.delete(channel)
        turn()
        await store.release(replaced.map(({ claim }) => claim)).catch(() => undefined)
      }
      return full
    } catch {
      // The database is away or too slow, which its probe reports; the next look is the retry.
      short.add(channel)
      return false
    }
  }

  /** Counted by channel: with one count for two that take turns, every tenth claim would always be the same one's. */
  function nextFirst(channel: ChannelName): ClaimRequest['first'] {
    const count = (claims.get(channel) ?? 0) + 1
    claims.set(channel, count)
    return firstClass(count)
  }

  /** Intents of the channel that wait although workers are free: they must not keep those of others from being claimed. */
  function blockedOf(channel: ChannelName): readonly Intent[] {
    return held.blocked.filter((intent) => intent.channel === channel)
  }

  /** How many of the channel may be claimed as far as it is about the channel itself; `replaced` of those that are here would be given back. */
  function allowed(channel: ChannelName, replaced = 0): number {
    const sole = destinations.soleOf(channel)
    const holds = held.ofChannel(channel) - replaced
    const places = sole === null ? Infinity : destinations.permits(channel, sole, holds)
    return Math.min(places, sending.includes(channel) ? most - holds : Infinity)
  }

  return {
    once,
    mayOvertake: (channel) => (short.has(channel) ? allowed(channel) : 0),
    worthALook(channel) {
      // A step of a broadcast may have written a page of mails, and be due again itself: no poll should be waited for.
      if (destinations.writesIntents(channel)) short.clear()
      return kinds.channels.some((one) => !short.has(one)) || deferred.get(channel)?.some === true
    },
    moreWritten() {
      aloneUntil = -Infinity
    },
    deferred({ channel, campaignId }, destination) {
      deferred.get(channel)?.add(destination)
      setBack.set(campaignId, performance.now() + SET_BACK_MS)
    },
  }
}

const nobody: ClaimRequest['without'] = { campaigns: [], accounts: [] }

/** While live work never runs out, one claim in ten of a channel begins with broadcasts and one in forty with replays. */
function firstClass(claims: number): ClaimRequest['first'] {
  if (claims % 40 === 0) return 'replay'
  return claims % 10 === 0 ? 'broadcast' : 'live'
}
