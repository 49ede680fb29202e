import { afterEach, describe, expect, it, vi } from 'vitest'
import { LocalQueue, type Ended } from '../../../src/delivery/local-queue.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

/** Runs nothing by itself: each intent ends when the test says. */
function queueOf(poolSize: number) {
  const ends = new Map<string, (ended: Ended) => void>()
  /** Destinations that have all the deliveries in flight that they may have. */
  const full = new Set<string>()
  const permits = new Map<string, number>()
  const freed: string[] = []
  const queue = new LocalQueue(poolSize, {
    run: ({ id }) => new Promise((resolve) => ends.set(id, resolve)),
    freed: ({ id }) => freed.push(id),
    isFull: (_, destination, claimed) => full.has(destination) || claimed >= (permits.get(destination) ?? Infinity),
  })
  const add = (...ids: string[]) =>
    queue.add(ids.map((id) => sampleIntent({ id, campaignId: id.slice(0, 1), destination: id.slice(0, 1) })))
  const end = async (id: string, ended: Ended = 'done') => {
    ends.get(id)?.(ended)
    ends.delete(id)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  /** Ends so many, and takes what does not run. */
  const endMany = async (count: number, ended: Ended = 'done') => {
    const ids = Array.from({ length: count }, (_, n) => `${n % 7} of many ${n}`)
    for (const id of ids) {
      add(id)
      await end(id, ended)
    }
  }
  return { queue, add, end, endMany, freed, full, permits, running: () => [...ends.keys()] }
}

const claimedBy = (owner: string, claims: number) => sampleIntent({ id: 'a1', campaignId: 'a', claim: { id: 'a1', owner, claims } })

describe('a local queue', () => {
  it('run first come, first served, and no campaign has more than half of the workers while others may wait', async () => {
    const { queue, add, end, running, freed } = queueOf(4)
    add('a1', 'a2', 'a3', 'a4')
    expect(running()).toEqual(['a1', 'a2'])
    expect(queue.campaignsAtShare).toEqual(['a'])
    add('b1')
    expect(running()).toEqual(['a1', 'a2', 'b1'])
    await end('a1')
    expect(running()).toEqual(['a2', 'b1', 'a3'])
    expect(freed).toEqual(['a1'])
  })

  it('of one account have no more than half either, over all its campaigns, as soon as that is known', async () => {
    const { queue, add, end, running } = queueOf(4)
    add('a1', 'b1', 'c1')
    expect(queue.campaignsOfUnknownAccount()).toEqual(['a', 'b', 'c'])
    queue.learnAccounts(['a', 'b', 'c', 'd'], new Map(['a', 'b', 'c'].map((campaign) => [campaign, 'account'])))
    expect([queue.campaignsOfUnknownAccount(), queue.campaignsAtShare, queue.accountsAtShare]).toEqual([[], [], ['account']])
    add('a2', 'd1', 'd2')
    expect(running()).toEqual(['a1', 'b1', 'c1', 'd1'])
    await end('a1')
    expect(running()).toEqual(['b1', 'c1', 'd1', 'd2'])
    await end('b1')
    expect(running()).toEqual(['c1', 'd1', 'd2', 'a2'])
  })

  it('are taken out where workers are free and their campaigns have their share, and nowhere else', () => {
    const { queue, add, running } = queueOf(4)
    add('a1', 'a2', 'a3', 'a4', 'b1')
    expect(queue.takeBlocked('webhook')).toEqual([])
    expect(queue.takeBlocked('email').map(({ id }) => id)).toEqual(['a3', 'a4'])
    expect(running()).toEqual(['a1', 'a2', 'b1'])
    expect([queue.size, queue.campaignsAtShare]).toEqual([3, ['a']])
    add('a5', 'b2', 'b3')
    expect(queue.takeBlocked('email')).toEqual([])
    expect(queue.size).toBe(6)
  })

  it('of one campaign have all workers when nobody else waits', () => {
    const { queue, add, running } = queueOf(4)
    add('a1', 'a2', 'a3', 'a4', 'a5')
    queue.alone.live = true
    queue.fill()
    expect(running()).toEqual(['a1', 'a2', 'a3', 'a4'])
  })

  it('of a campaign beyond its share begin before the broadcast of another, when nobody else has live ones', async () => {
    const { queue, add, end, running } = queueOf(4)
    add('a1', 'a2', 'a3', 'a4', 'a5')
    queue.add(['b1', 'b2', 'b3'].map((id) => sampleIntent({ id, campaignId: 'b', class: 'broadcast' })))
    expect(running()).toEqual(['a1', 'a2', 'b1', 'b2'])
    queue.alone.live = true
    await end('b1')
    await end('b2')
    await end('a1')
    // One turn of four is for the first that waits and has less than its share.
    expect(running()).toEqual(['a2', 'b3', 'a3', 'a4'])
  })

  it('of a broadcast of a campaign beyond its share begin in one turn of four beside its live ones, when nobody else has any', async () => {
    const { queue, add, end, running } = queueOf(4)
    Object.assign(queue.alone, { live: true, other: true })
    queue.add(['b1', 'b2'].map((id) => sampleIntent({ id, campaignId: 'a', class: 'broadcast' })))
    add(...Array.from({ length: 14 }, (_, index) => `a${index + 1}`))
    expect(running()).toEqual(['b1', 'b2', 'a1', 'a2'])
    for (const id of ['b1', 'b2', 'a1', 'a2']) await end(id)
    queue.add([sampleIntent({ id: 'b3', campaignId: 'a', class: 'broadcast' })])
    for (const id of ['a3', 'a4', 'a5', 'a6']) await end(id)
    expect(running()).toContain('b3')
  })

  it('are counted by campaign, channel and destination', async () => {
    const { queue, add, end } = queueOf(2)
    add('a1', 'a2', 'b1')
    expect([queue.size, queue.ofChannel('email'), queue.ofChannel('webhook')]).toEqual([3, 3, 0])
    expect([queue.boundFor('email', 'a'), queue.boundFor('webhook', 'a')]).toEqual([2, 0])
    expect([queue.waitingFor('email'), queue.waitingFor('webhook')]).toEqual([['a'], []])
    expect(queue.perCampaign()).toEqual(
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    )
    expect(queue.clear().map(({ id }) => id)).toEqual(['a2'])
    const idle = queue.idle()
    await end('a1')
    await end('b1')
    await idle
    expect([queue.size, queue.campaignsAtShare, queue.perCampaign().size]).toEqual([0, [], 0])
  })

  it('of a campaign beyond its share begin behind all others, although nobody else waits in the database', async () => {
    const { queue, add, end, running } = queueOf(4)
    queue.alone.live = true
    add('a1', 'a2', 'a3', 'a4', 'a5', 'a6')
    expect(running()).toEqual(['a1', 'a2', 'a3', 'a4'])
    add('b1')
    await end('a1')
    await end('a2')
    expect(running()).toEqual(['a3', 'a4', 'b1', 'a5'])
  })

  it('that are live overtake broadcasts and replays, which have one turn in four', async () => {
    const { queue, end, running } = queueOf(1)
    const waiting = ['broadcast', 'replay', 'live'] as const
    queue.add(waiting.flatMap((name) => [1, 2, 3, 4].map((n) => sampleIntent({ id: `${name} ${n}`, class: name }))))
    const order: string[] = []
    for (let turn = 0; turn < 12; turn++) {
      order.push(...running())
      await end(running()[0] ?? '')
    }
    expect(order.slice(0, 6)).toEqual(['broadcast 1', 'live 1', 'live 2', 'live 3', 'broadcast 2', 'live 4'])
    expect(order).toHaveLength(12)
  })

  it('of a channel at its limit wait for a worker of its own, and take no room of another channel', () => {
    const { queue, running } = queueOf(4)
    queue.limit('webhook', 3)
    const hooks = [1, 2, 3, 4, 5].map((n) => sampleIntent({ id: `hook ${n}`, campaignId: `c${n}`, channel: 'webhook' }))
    queue.add(hooks)
    expect(running()).toEqual(['hook 1', 'hook 2', 'hook 3'])
    expect([queue.room('webhook'), queue.room('email'), queue.free('webhook'), queue.free('email')]).toEqual([0, 3, -2, Infinity])
    expect(queue.takeBlocked('webhook')).toEqual([])
    queue.add([sampleIntent({ id: 'mail', campaignId: 'm' })])
    expect(running()).toEqual(['hook 1', 'hook 2', 'hook 3', 'mail'])
  })

  it('of a destination that is busy wait for it without a worker, in their order, and those of others begin', async () => {
    const { queue, add, end, full, running } = queueOf(2)
    add('a1', 'a2', 'a3', 'b1')
    full.add('a')
    await end('a1', { waitsFor: 'a' })
    await end('a2', { waitsFor: 'a' })
    expect(running()).toEqual(['b1', 'a3'])
    await end('a3', { waitsFor: 'a' })
    expect([running(), queue.waiting.map(({ id }) => id)]).toEqual([['b1'], ['a1', 'a2', 'a3']])
    full.delete('a')
    queue.alone.live = true
    queue.fill()
    expect(running()).toEqual(['b1', 'a1'])
    await end('b1')
    await end('a1')
    expect(running()).toEqual(['a2', 'a3'])
  })

  it('in line for a destination begin as its permits allow, not all at once, and one that another was ahead of stays first', async () => {
    const { queue, end, permits, full, running } = queueOf(4)
    queue.alone.live = true
    queue.add(['a1', 'a2', 'a3', 'a4'].map((id) => sampleIntent({ id, campaignId: 'a', destination: null })))
    full.add('x')
    for (const id of ['a1', 'a2', 'a3', 'a4']) await end(id, { waitsFor: 'x' })
    full.delete('x')
    permits.set('x', 2)
    queue.fill()
    expect(running()).toEqual(['a1', 'a2'])
    full.add('x')
    await end('a1', { waitsFor: 'x' })
    expect(queue.waiting.map(({ id }) => id)).toEqual(['a1', 'a3', 'a4'])
    full.delete('x')
    await end('a2')
    expect(running()).toEqual(['a1', 'a3'])
  })

  it('that wait for a destination take no room, are not given back as blocked, and have others of their campaign passed over', async () => {
    const { queue, end, full, running } = queueOf(4)
    // Its destination is known to the queue alone.
    queue.add(['a1', 'a2'].map((id) => sampleIntent({ id, campaignId: 'a', destination: null })))
    const before = [queue.room('email'), queue.withoutLine, queue.campaignsAtShare]
    expect(before).toEqual([4, 2, ['a']])
    await end('a2')
    expect([queue.room('email'), queue.withoutLine, queue.campaignsAtShare]).toEqual([5, 1, []])
    full.add('busy')
    await end('a1', { waitsFor: 'busy' })
    expect(running()).toEqual([])
    expect([queue.room('email'), queue.withoutLine, queue.size, queue.boundFor('email', 'busy')]).toEqual([6, 0, 1, 1])
    queue.limit('email', 3)
    expect([queue.free('email'), queue.ofChannel('email')]).toEqual([3, 0])
    expect(queue.waitingFor('email')).toEqual(['busy'])
    expect(queue.campaignsAtShare).toEqual(['a'])
    expect(queue.takeBlocked('email')).toEqual([])
    expect(queue.clear().map(({ id }) => id)).toEqual(['a1'])
    expect(queue.size).toBe(0)
  })

  it('that is claimed again while its former claim waits in line is there once', async () => {
    const { queue, end, full } = queueOf(4)
    full.add('busy')
    const intent = sampleIntent({ id: 'a1', campaignId: 'a', destination: null })
    for (const claimed of [intent, { ...intent }]) {
      queue.add([claimed])
      await end('a1', { waitsFor: 'busy' })
    }
    expect([queue.size, queue.waiting.map(({ id }) => id)]).toEqual([1, ['a1']])
    expect(queue.clear()).toHaveLength(1)
    await queue.idle()
  })

  it('that is claimed again while its former claim still runs has a second worker, and a share is counted right when both have ended', async () => {
    const ends: ((ended: Ended) => void)[] = []
    const queue = new LocalQueue(2, { run: () => new Promise((resolve) => ends.push(resolve)), freed: () => {}, isFull: () => false })
    const intent = sampleIntent({ id: 'a1', campaignId: 'a' })
    queue.alone.live = true
    queue.add([intent])
    queue.add([{ ...intent }])
    expect([ends.length, queue.withoutLine]).toEqual([2, 2])
    for (const end of ends.splice(0)) end('done')
    await queue.idle()
    queue.alone.live = false
    queue.add([sampleIntent({ id: 'a2', campaignId: 'a' }), sampleIntent({ id: 'a3', campaignId: 'a' })])
    expect(ends).toHaveLength(1)
  })

  it.each([
    ['after its lease', () => claimedBy('me', 1), () => claimedBy('me', 2)],
    ['after a failover that lost claims', () => claimedBy('me:mailers:9', 2), () => claimedBy('me:mailers:10', 1)],
  ])('that is claimed again %s waits in line by its last claim, whichever comes there first', async (_again, former, last) => {
    const ends: ((ended: Ended) => void)[] = []
    let isFull = true
    const queue = new LocalQueue(4, { run: () => new Promise((resolve) => ends.push(resolve)), freed: () => {}, isFull: () => isFull })
    const end = async (...turns: readonly number[]) => {
      const now = ends.splice(0)
      for (const turn of turns) now[turn]?.({ waitsFor: 'busy' })
      await new Promise(setImmediate)
    }
    const claims = () => queue.waiting.map(({ claim }) => claim)
    queue.add([former()])
    queue.add([last()])
    await end(1, 0)
    expect([claims(), queue.size]).toEqual([[last().claim], 1])
    // It has waited there before, so it goes to the head of the line, where another claim of it waits meanwhile.
    isFull = false
    queue.fill()
    isFull = true
    queue.add([former()])
    await end(1, 0)
    expect([claims(), queue.size]).toEqual([[last().claim], 1])
  })

  it('that is claimed again while its former claim waits in line stays when that begins', async () => {
    const { queue, add, end, full, running } = queueOf(1)
    full.add('busy')
    const intent = sampleIntent({ id: 'a1', campaignId: 'a' })
    queue.add([intent])
    await end('a1', { waitsFor: 'busy' })
    add('b1')
    queue.add([{ ...intent }])
    full.clear()
    await end('b1')
    expect(running()).toEqual(['a1'])
    expect(queue.waiting.map(({ id }) => id)).toEqual(['a1'])
  })

  it('that wait for a destination are as many as it soon answers, and twice as many as may wait for a worker over all', async () => {
    const { queue, end, full } = queueOf(4)
    const hasPlace = (destination: string, mayWait: number) => {
      return queue.hasPlaceFor(sampleIntent({ id: 'next' }), { destination, mayWait })
    }
    expect([hasPlace('a', 0), hasPlace('a', 1)]).toEqual([false, true])
    const waitFor = async (id: string, waitsFor: string) => {
      queue.add([sampleIntent({ id, campaignId: id, destination: null })])
      full.add(waitsFor)
      await end(id, { waitsFor })
    }
    await waitFor('a1', 'a')
    await waitFor('a2', 'a')
    await waitFor('b1', 'b')
    expect([hasPlace('a', 2), hasPlace('a', 3), hasPlace('b', 2)]).toEqual([false, true, true])
    await waitFor('a3', 'a')
    expect([hasPlace('a', 9), hasPlace('c', 9)]).toEqual([false, false])
  })

  it('of a single worker are not shared', () => {
    const { queue, add, running } = queueOf(1)
    add('a1', 'a2')
    expect([queue.campaignsAtShare, running()]).toEqual([[], ['a1']])
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
    const { queue, endMany } = queueOf(poolSize)
    expect(queue.ahead).toBe(slow)
    await endMany(3)
    expect(queue.ahead).toBe(Math.min(quick, Math.max(slow, 3)))
    await endMany(200)
    expect(queue.ahead).toBe(quick)
    vi.advanceTimersByTime(251)
    expect(queue.ahead).toBe(slow)
  })

  it('is not lengthened by intents that are given back', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { queue, endMany } = queueOf(4)
    await endMany(200, 'not-done')
    expect(queue.ahead).toBe(2)
  })

  it('is not filled by one campaign: with a third of it, others are claimed first', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { queue, add, endMany } = queueOf(10)
    expect(queue.shareOfQueue).toBe(5)
    await endMany(100)
    expect(queue.shareOfQueue).toBe(16)
    add(...Array.from({ length: 15 }, (_, n) => `a${n}`))
    expect(queue.campaignsAtShare).toEqual([])
    add('a15')
    expect(queue.campaignsAtShare).toEqual(['a'])
  })

  it('gives up what has waited too long for its destination, all of it', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { queue, add, end, full } = queueOf(2)
    add('a1', 'a2', 'b1')
    full.add('a')
    await end('a1', { waitsFor: 'a' })
    vi.advanceTimersByTime(1_001)
    add('c1')
    expect(queue.takeOverdue(1_000, 5).map(({ id }) => id)).toEqual(['a1'])
  })

  it('gives up what has waited too long, but for the first ones', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { queue, add } = queueOf(1)
    add('a1', 'a2', 'a3')
    vi.advanceTimersByTime(500)
    add('a4')
    vi.advanceTimersByTime(501)
    expect(queue.takeOverdue(1_000, 1).map(({ id }) => id)).toEqual(['a3'])
    expect(queue.takeOverdue(1_000, 0).map(({ id }) => id)).toEqual(['a2'])
    expect(queue.waiting.map(({ id }) => id)).toEqual(['a4'])
  })
})
