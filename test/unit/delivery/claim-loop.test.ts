import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Unavailable } from '../../../src/delivery/channel.ts'
import type { TransactionChannel } from '../../../src/delivery/transaction-channel.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { mailKind } from './delivery-fixture.ts'
import { accepted, broadcastKind, classes, fixtureOf, hooks, mails, nobody, soon, stopWorkers, webhookKind } from './worker-pool-fixture.ts'

afterEach(stopWorkers)

describe('claiming', () => {
  it('takes as many as there are workers, and half as many again ahead', async () => {
    const { store, workers, sending } = fixtureOf()
    store.due.push(...mails(20))
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
    expect(workers.running().map(({ intentId, channel, kind }) => `${channel} ${kind} ${intentId}`)).toEqual([
      'email mail 1',
      'email mail 2',
      'email mail 3',
      'email mail 4',
    ])
    expect(store.claims.slice(0, 1)).toEqual([
      {
        group: 'test-workers',
        channel: 'email',
        kinds: [{ kind: 'mail', version: 1 }],
        owner: 'me:test-workers:1',
        limit: 2,
        leaseMs: 2_000,
        order: classes,
        replays: 1,
        without: nobody,
        deferred: [],
        deferredShare: 1,
      },
    ])
    expect(store.due).toHaveLength(14)
  })

  it('gives each claim a new name, because a database that went back in time gives ids and counts of claims out again', async () => {
    const { store, workers, flow } = fixtureOf()
    store.due.push(...mails(50))
    flow()
    workers.start()
    await soon(() => expect(store.due).toHaveLength(0))
    const owners = store.claims.map(({ owner }) => owner)
    expect(owners.length).toBeGreaterThan(3)
    expect(new Set(owners).size).toBe(owners.length)
  })

  it('goes on without a poll while claims come back full', async () => {
    const { store, workers, flow } = fixtureOf()
    store.due.push(...mails(50))
    flow()
    workers.start()
    await soon(() => expect(store.settled).toHaveLength(50))
    expect(store.claims.at(-1)?.limit).toBeLessThanOrEqual(6)
  })

  it('takes blocks while the workers are quick, none of them filled by what one campaign may hold, and no row waits for another poll', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const { store, workers, flow } = fixtureOf({ poolSize: 10, kinds: [mailKind(), broadcastKind] })
      store.due.push(...mails(600).map((intent, n) => ({ ...intent, campaignId: `c${n % 6}` })))
      flow()
      workers.start()
      await soon(() => expect(store.settled).toHaveLength(600))
      // Two and a half of a hundred mails pay for a query of each channel at most, once the workers are known to be quick.
      expect(store.claims.length).toBeLessThan(75)
      expect(Math.max(...store.claims.map(({ limit }) => limit))).toBe(16)
      expect(store.released).toEqual([])
    } finally {
      vi.useRealTimers()
    }
  })

  it('takes no blocks while intents are only given back, however quickly', async () => {
    const { store, workers, email } = fixtureOf({ pollMs: 1 })
    email.acquire = () => Promise.reject(new Unavailable('no-connection', null))
    store.due.push(...mails(200))
    workers.start()
    await soon(() => expect(store.released).toHaveLength(200))
    expect(Math.max(...store.claims.map(({ limit }) => limit))).toBe(2)
  })

  it('gives back in one statement what waits because the workers have become slow, and keeps half as many as there are workers', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const { store, workers, sending } = fixtureOf({ poolSize: 4, pollMs: 1 })
      const release = vi.spyOn(store, 'release')
      const every = mails(300).map((intent, n) => ({ ...intent, campaignId: `c${n % 6}` }))
      store.due.push(...every)
      workers.start()
      await soon(() => {
        for (const one of sending.slice(0, 100)) one.end()
        expect(sending).toHaveLength(104)
      })
      await soon(() => expect(store.due.length).toBeLessThan(300 - 104 - 8))
      expect(release).not.toHaveBeenCalled()
      const waiting = 300 - 104 - store.due.length
      vi.advanceTimersByTime(1_001)
      await soon(() => expect(release).toHaveBeenCalledTimes(1))
      expect(store.released).toHaveLength(waiting - 2)
    } finally {
      vi.useRealTimers()
    }
  })

  it('gives back what has waited for a worker for so long that its lease might end before it has gone out', async () => {
    const { store, workers, sending, email } = fixtureOf({ poolSize: 2 })
    Object.assign(email, { deadlineMs: 40 })
    store.due.push(...mails(3))
    workers.start()
    // The two are cut off at their deadline; the third has waited as long by then.
    await soon(() => expect(store.settled).toHaveLength(2))
    await soon(() => expect(store.released.map(({ id }) => id)).toEqual(['3']))
    expect(sending.map(({ id }) => id)).toEqual(['1', '2'])
  })

  it.each([1, 2, 3, 10])('does so with %i workers', async (poolSize) => {
    const { store, workers, flow } = fixtureOf({ poolSize })
    store.due.push(...mails(50))
    flow()
    workers.start()
    await soon(() => expect(store.settled).toHaveLength(50))
  })

  it('goes on so although a second channel finds no worker free, also when the claims before came back short', async () => {
    const { store, workers, flow } = fixtureOf({ kinds: [mailKind(), webhookKind] })
    workers.start()
    await soon(() => expect(store.claims).toHaveLength(2))
    store.due.push(...mails(50))
    const reservation = await soon(() => {
      const reserved = workers.reserve()
      expect(reserved.reservation).not.toBeNull()
      return reserved
    })
    reservation.release(accepted({ intents: 50 }))
    // A quarter of the workers is left to the other channel.
    await soon(() => expect(workers.running()).toHaveLength(3))
    flow()
    await soon(() => expect(store.settled).toHaveLength(50))
  })

  it('asks every channel for what is left of the room', async () => {
    const { store, workers } = fixtureOf({ kinds: [mailKind(), webhookKind] })
    store.due.push(...mails(2), sampleIntent({ id: '3', channel: 'webhook', kind: 'reward' }))
    workers.start()
    await soon(() => expect(store.settled).toHaveLength(1))
    expect(store.claims.slice(0, 2).map(({ channel, limit }) => [channel, limit])).toEqual([
      ['email', 2],
      ['webhook', 2],
    ])
  })

  it('begins each round with another channel, so that none is kept out by work that never runs out', async () => {
    const { store, workers, flow } = fixtureOf({ kinds: [mailKind(), webhookKind] })
    store.due.push(...mails(500), sampleIntent({ id: '999', channel: 'webhook', kind: 'reward' }))
    flow()
    workers.start()
    await soon(() => expect(store.settled).toHaveLength(501))
    expect(store.claims.slice(0, 2).map(({ channel }) => channel)).toEqual(['email', 'webhook'])
  })

  it('goes on at once after a step of a broadcast, which may have written more', async () => {
    const { store, workers, executor, flow, sending } = fixtureOf({ kinds: [mailKind(), broadcastKind] })
    const run: TransactionChannel<unknown>['run'] = async () => {
      store.due.push(...mails(20))
      return { is: 'ran', outcome: 'waiting', reason: 'next-page' }
    }
    Object.assign(executor.channels.broadcast, { run })
    store.due.push(sampleIntent({ id: '999', channel: 'broadcast', kind: 'milestone-broadcast', class: 'broadcast' }))
    flow()
    workers.start()
    await soon(() => expect(sending).toHaveLength(20))
  })

  it('begins one claim in ten of each channel with broadcasts', async () => {
    const { store, workers } = fixtureOf({ pollMs: 0, kinds: [mailKind(), webhookKind] })
    workers.start()
    await soon(() => expect(store.claims.length).toBeGreaterThanOrEqual(60))
    for (const channel of ['email', 'webhook']) {
      const first = store.claims.filter((claim) => claim.channel === channel).map((claim) => claim.order[0])
      expect(first.slice(0, 29).flatMap((one, index) => (one === 'broadcast' ? [index + 1] : []))).toEqual([10, 20])
    }
  })

  it('begins one claim in ten with broadcasts and none with replays', async () => {
    const { store, workers } = fixtureOf({ pollMs: 0 })
    workers.start()
    await soon(() => expect(store.claims.length).toBeGreaterThanOrEqual(80))
    const first = store.claims.slice(0, 80).map((claim, index) => [index + 1, claim.order[0]] as const)
    expect(first.filter(([, one]) => one === 'broadcast').map(([n]) => n)).toEqual([10, 20, 30, 40, 50, 60, 70, 80])
    expect(first.filter(([, one]) => one === 'replay')).toEqual([])
  })

  it('holds intents of replays for a quarter of the workers at most, and claims more as they end', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 8 })
    store.due.push(...mails(20).map((intent) => ({ ...intent, class: 'replay' as const })))
    workers.start()
    await soon(() => expect(sending).toHaveLength(2))
    expect(store.due).toHaveLength(18)
    sending[0]?.end()
    await soon(() => expect(sending).toHaveLength(3))
    expect(store.due).toHaveLength(17)
  })

  it('claims deferred intents of replays that it had no room for as others end, without another search', async () => {
    const { store, workers } = fixtureOf({ poolSize: 8, kinds: [webhookKind] })
    const replays = hooks(6).map((intent) => ({ ...intent, class: 'replay' as const, destination: `endpoint-${intent.id}` }))
    store.due.push(...replays)
    for (const intent of replays) store.deferred.add(intent)
    store.deferredElsewhere = replays.map(({ destination }) => destination)
    workers.start()
    await soon(() => expect(store.settled).toHaveLength(6))
    expect(store.claims.filter(({ replays: room }) => room > 2)).toEqual([])
  })

  it('leaves intents of replays alone for as long as live ones are due', async () => {
    const { store, workers, sending } = fixtureOf({ poolSize: 4 })
    const replays = mails(5, 100).map((intent) => ({ ...intent, class: 'replay' as const }))
    store.due.push(...replays, ...mails(30))
    workers.start()
    await soon(() => expect(sending).toHaveLength(4))
    expect(store.due.filter((intent) => intent.class === 'replay')).toHaveLength(5)
  })

  it('claims nothing while looks find nothing due, and at the first poll that finds something', async () => {
    const { store, workers, sending } = fixtureOf({ pollMs: 1, kinds: [mailKind(), webhookKind] })
    store.isAnyDue = null
    workers.start()
    await soon(() => expect(store.looks.length).toBeGreaterThan(20))
    // The first claims, which found nothing.
    expect(store.claims.map(({ channel }) => channel).toSorted()).toEqual(['email', 'webhook'])
    store.due.push(...mails(3))
    await soon(() => expect(sending).toHaveLength(3))
  })

  it('searches for intents that other processes deferred although nothing is due', async () => {
    const { store, workers, executor } = fixtureOf({ pollMs: 1, kinds: [mailKind(), webhookKind] })
    store.isAnyDue = null
    workers.start()
    await soon(() => expect(store.looks.length).toBeGreaterThan(2))
    store.deferredElsewhere = ['endpoint-9']
    await executor.clock.sleep(10_000)
    await soon(() => expect(store.claims.some(({ deferred }) => deferred[0]?.destination === 'endpoint-9')).toBe(true))
  })

  it('needs no look for what an accept wrote while one was under way', async () => {
    const { store, workers, sending } = fixtureOf({ pollMs: 1 })
    store.isAnyDue = null
    const look = Promise.withResolvers<boolean>()
    store.isDue = () => (store.looks.push('held'), look.promise)
    workers.start()
    await soon(() => expect(store.looks).toHaveLength(1))
    const reservation = workers.reserve()
    store.due.push(...mails(1))
    reservation.release(accepted({ intents: 1 }))
    look.resolve(false)
    await soon(() => expect(sending).toHaveLength(1))
    expect(store.looks).toHaveLength(1)
  })

  it('that fails is tried again with the next poll, and is reported once', async () => {
    const { store, workers, sending, facts } = fixtureOf({ pollMs: 1 })
    store.away = new SqlError('away', {})
    store.due.push(...mails(1))
    workers.start()
    await soon(() => expect(store.claims.length).toBeGreaterThan(2))
    expect(facts).toEqual([])
    store.away = null
    await soon(() => expect(sending).toHaveLength(1))
  })
})

describe('quiet', () => {
  it('claims nothing and reserves nothing, finishes what is claimed, and continues without a poll when it ends', async () => {
    const { store, workers, sending, flow } = fixtureOf()
    store.due.push(...mails(2))
    workers.start()
    await soon(() => expect(sending).toHaveLength(2))
    const offered = () => {
      const reservation = workers.reserve()
      reservation.release(null)
      return reservation.reservation !== null
    }
    await soon(() => expect(offered()).toBe(true))
    workers.quiet(true)
    expect(offered()).toBe(false)
    store.due.push(...mails(3, 10))
    flow()
    await soon(() => expect(workers.running()).toEqual([]))
    expect(store.due).toHaveLength(3)
    workers.quiet(false)
    await soon(() => expect(sending).toHaveLength(5))
    expect(store.due).toEqual([])
  })

  it('leaves the loop turning, as being busy does; only before the start and behind a stop it need not', async () => {
    const { workers } = fixtureOf({ pollMs: 1 })
    expect(workers.turns()).toBeNull()
    workers.start()
    for (const quiet of [false, true]) {
      workers.quiet(quiet)
      const before = workers.turns() ?? 0
      await soon(() => expect(workers.turns()).toBeGreaterThan(before + 3))
    }
    await workers.stop()
    expect(workers.turns()).toBeNull()
  })

  it('stops turning when a claim never returns, which shows the fault', async () => {
    const { store, workers } = fixtureOf({ pollMs: 1 })
    const stuck = Promise.withResolvers<[]>()
    const claim = store.claim.bind(store)
    store.claim = () => stuck.promise
    workers.start()
    const turns = workers.turns()
    for (let turn = 0; turn < 50; turn++) await setImmediate()
    expect(workers.turns()).toBe(turns)
    store.claim = claim
    stuck.resolve([])
    await soon(() => expect(workers.turns()).toBeGreaterThan((turns ?? 0) + 3))
  })
})
