import { afterEach, describe, expect, it, vi } from 'vitest'
import { LocalQueue } from '../../../src/delivery/local-queue.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

/** Runs nothing by itself: each intent ends when the test says. */
function heldOf(poolSize: number) {
  const ends = new Map<string, (isDone: boolean) => void>()
  const freed: string[] = []
  const held = new LocalQueue(
    poolSize,
    ({ id }) => new Promise((resolve) => ends.set(id, resolve)),
    ({ id }) => freed.push(id),
  )
  const add = (...ids: string[]) => held.add(ids.map((id) => sampleIntent({ id, campaignId: id.slice(0, 1), destination: id.slice(0, 1) })))
  const end = async (id: string, isDone = true) => {
    ends.get(id)?.(isDone)
    ends.delete(id)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  /** Ends so many, and takes what does not run. */
  const endMany = async (count: number, isDone = true) => {
    const ids = Array.from({ length: count }, (_, n) => `${n % 7} of many ${n}`)
    for (const id of ids) {
      add(id)
      await end(id, isDone)
    }
  }
  return { held, add, end, endMany, freed, running: () => [...ends.keys()] }
}

describe('held intents', () => {
  it('run first come, first served, and no campaign has more than half of the workers while others may wait', async () => {
    const { held, add, end, running, freed } = heldOf(4)
    add('a1', 'a2', 'a3', 'a4')
    expect(running()).toEqual(['a1', 'a2'])
    expect(held.campaignsAtShare).toEqual(['a'])
    add('b1')
    expect(running()).toEqual(['a1', 'a2', 'b1'])
    await end('a1')
    expect(running()).toEqual(['a2', 'b1', 'a3'])
    expect(freed).toEqual(['a1'])
  })

  it('of one account have no more than half either, over all its campaigns, as soon as that is known', async () => {
    const { held, add, end, running } = heldOf(4)
    add('a1', 'b1', 'c1')
    expect(held.campaignsOfUnknownAccount()).toEqual(['a', 'b', 'c'])
    held.learnAccounts(['a', 'b', 'c', 'd'], new Map(['a', 'b', 'c'].map((campaign) => [campaign, 'account'])))
    expect([held.campaignsOfUnknownAccount(), held.campaignsAtShare, held.accountsAtShare]).toEqual([[], [], ['account']])
    add('a2', 'd1', 'd2')
    expect(running()).toEqual(['a1', 'b1', 'c1', 'd1'])
    await end('a1')
    expect(running()).toEqual(['b1', 'c1', 'd1', 'd2'])
    await end('b1')
    expect(running()).toEqual(['c1', 'd1', 'd2', 'a2'])
  })

  it('are taken out where workers are free and their campaigns have their share, and nowhere else', () => {
    const { held, add, running } = heldOf(4)
    add('a1', 'a2', 'a3', 'a4', 'b1')
    expect(held.takeBlocked('webhook')).toEqual([])
    expect(held.takeBlocked('email').map(({ id }) => id)).toEqual(['a3', 'a4'])
    expect(running()).toEqual(['a1', 'a2', 'b1'])
    expect([held.size, held.campaignsAtShare]).toEqual([3, ['a']])
    add('a5', 'b2', 'b3')
    expect(held.takeBlocked('email')).toEqual([])
    expect(held.size).toBe(6)
  })

  it('of one campaign have all workers when nobody else waits', () => {
    const { held, add, running } = heldOf(4)
    add('a1', 'a2', 'a3', 'a4', 'a5')
    held.alone.live = true
    held.fill()
    expect(running()).toEqual(['a1', 'a2', 'a3', 'a4'])
  })

  it('of a campaign beyond its share begin before the broadcast of another, when nobody else has live ones', async () => {
    const { held, add, end, running } = heldOf(4)
    add('a1', 'a2', 'a3', 'a4', 'a5')
    held.add(['b1', 'b2', 'b3'].map((id) => sampleIntent({ id, campaignId: 'b', class: 'broadcast' })))
    expect(running()).toEqual(['a1', 'a2', 'b1', 'b2'])
    held.alone.live = true
    await end('b1')
    await end('b2')
    await end('a1')
    // One turn of four is for the first that waits and has less than its share.
    expect(running()).toEqual(['a2', 'b3', 'a3', 'a4'])
  })

  it('are counted by campaign, channel and destination', async () => {
    const { held, add, end } = heldOf(2)
    add('a1', 'a2', 'b1')
    expect([held.size, held.ofChannel('email'), held.ofChannel('webhook')]).toEqual([3, 3, 0])
    expect([held.boundFor('email', 'a'), held.boundFor('webhook', 'a')]).toEqual([2, 0])
    expect([held.waitingFor('email'), held.waitingFor('webhook')]).toEqual([['a'], []])
    expect(held.perCampaign()).toEqual(
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    )
    expect(held.clear().map(({ id }) => id)).toEqual(['a2'])
    const idle = held.idle()
    await end('a1')
    await end('b1')
    await idle
    expect([held.size, held.campaignsAtShare, held.perCampaign().size]).toEqual([0, [], 0])
  })

  it('of a campaign beyond its share begin behind all others, although nobody else waits in the database', async () => {
    const { held, add, end, running } = heldOf(4)
    held.alone.live = true
    add('a1', 'a2', 'a3', 'a4', 'a5', 'a6')
    expect(running()).toEqual(['a1', 'a2', 'a3', 'a4'])
    add('b1')
    await end('a1')
    await end('a2')
    expect(running()).toEqual(['a3', 'a4', 'b1', 'a5'])
  })

  it('that are live overtake broadcasts and replays, which have one turn in four', async () => {
    const { held, end, running } = heldOf(1)
    const waiting = ['broadcast', 'replay', 'live'] as const
    held.add(waiting.flatMap((name) => [1, 2, 3, 4].map((n) => sampleIntent({ id: `${name} ${n}`, class: name }))))
    const order: string[] = []
    for (let turn = 0; turn < 12; turn++) {
      order.push(...running())
      await end(running()[0] ?? '')
    }
    expect(order.slice(0, 6)).toEqual(['broadcast 1', 'live 1', 'live 2', 'live 3', 'broadcast 2', 'live 4'])
    expect(order).toHaveLength(12)
  })

  it('of a channel at its limit wait for a worker of its own, and take no room of another channel', () => {
    const { held, running } = heldOf(4)
    held.limit('webhook', 3)
    const hooks = [1, 2, 3, 4, 5].map((n) => sampleIntent({ id: `hook ${n}`, campaignId: `c${n}`, channel: 'webhook' }))
    held.add(hooks)
    expect(running()).toEqual(['hook 1', 'hook 2', 'hook 3'])
    expect([held.room('webhook'), held.room('email'), held.free('webhook'), held.free('email')]).toEqual([0, 3, -2, Infinity])
    expect(held.takeBlocked('webhook')).toEqual([])
    held.add([sampleIntent({ id: 'mail', campaignId: 'm' })])
    expect(running()).toEqual(['hook 1', 'hook 2', 'hook 3', 'mail'])
  })

  it('of a single worker are not shared', () => {
    const { held, add, running } = heldOf(1)
    add('a1', 'a2')
    expect([held.campaignsAtShare, running()]).toEqual([[], ['a1']])
  })
})

describe('the queue', () => {
  afterEach(() => vi.useRealTimers())

  it.each([
    [1, 0, 0],
    [4, 2, 16],
    [10, 5, 40],
    [40, 20, 100],
    [300, 150, 150],
  ])('of %i workers holds %i while they are slow, and %i at most when they are quick', async (poolSize, slow, quick) => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { held, endMany } = heldOf(poolSize)
    expect(held.ahead).toBe(slow)
    await endMany(3)
    expect(held.ahead).toBe(Math.min(quick, Math.max(slow, 3)))
    await endMany(200)
    expect(held.ahead).toBe(quick)
    vi.advanceTimersByTime(251)
    expect(held.ahead).toBe(slow)
  })

  it('is not lengthened by intents that are given back', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { held, endMany } = heldOf(4)
    await endMany(200, false)
    expect(held.ahead).toBe(2)
  })

  it('is not filled by one campaign: with a third of it, others are claimed first', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { held, add, endMany } = heldOf(10)
    expect(held.shareHeld).toBe(5)
    await endMany(100)
    expect(held.shareHeld).toBe(16)
    add(...Array.from({ length: 15 }, (_, n) => `a${n}`))
    expect(held.campaignsAtShare).toEqual([])
    add('a15')
    expect(held.campaignsAtShare).toEqual(['a'])
  })

  it('gives up what has waited too long, but for the first ones', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { held, add } = heldOf(1)
    add('a1', 'a2', 'a3')
    vi.advanceTimersByTime(500)
    add('a4')
    vi.advanceTimersByTime(501)
    expect(held.takeOverdue(1_000, 1).map(({ id }) => id)).toEqual(['a3'])
    expect(held.takeOverdue(1_000, 0).map(({ id }) => id)).toEqual(['a2'])
    expect(held.waiting.map(({ id }) => id)).toEqual(['a4'])
  })
})
