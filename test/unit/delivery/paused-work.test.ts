import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { executeIntent } from '../../../src/delivery/execute-intent.ts'
import { createWorkGate } from '../../../src/delivery/work-gate.ts'
import type { Pause } from '../../../src/model/pause.ts'
import { MemoryIntentStore } from '../../support/memory-intent-store.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { createDeliveryFixture, mailKind } from './delivery-fixture.ts'
import { accepted, broadcastKind, fixtureOf, mails, of, soon, stopWorkers } from './worker-pool-fixture.ts'

afterEach(stopWorkers)

const pauseOf = (change: Partial<Pause>): Pause => ({
  id: '7',
  scope: 'campaign',
  group: null,
  target: '1',
  owner: 'ops',
  because: 'test',
  since: new Date(0),
  until: null,
  ...change,
})
const channelPause = pauseOf({ scope: 'channel', target: 'email' })
const typePause = pauseOf({ scope: 'type', target: 'user.signed_up' })

describe('the pause of an intent', () => {
  const intent = sampleIntent({ campaignId: '1', destination: 'e' })
  it.each([
    [pauseOf({ scope: 'group', group: 'test-workers', target: 'test-workers' }), true],
    [channelPause, true],
    [pauseOf({}), true],
    [pauseOf({ scope: 'destination', target: 'e' }), true],
    [typePause, true],
    [pauseOf({ scope: 'channel', target: 'webhook' }), false],
    [pauseOf({ target: '2' }), false],
    [pauseOf({ scope: 'destination', target: 'f' }), false],
    [pauseOf({ scope: 'type', target: 'reward.earned' }), false],
    [pauseOf({ scope: 'partition', group: 'test-workers', target: '0' }), false],
  ])('of scope and target %j is found: %s', async (pause, isCovered) => {
    const store = new MemoryIntentStore()
    store.types.set(intent.eventId ?? '', 'user.signed_up')
    const gate = createWorkGate(store)
    gate.set([pause])
    await gate.learn([intent])
    expect(gate.pauseOf(intent)).toBe(isCovered ? pause : null)
  })

  it('of a type stays with an intent whose event was forgotten while it was set aside', async () => {
    const gate = createWorkGate(new MemoryIntentStore())
    gate.set([typePause])
    const [waited, another] = [sampleIntent({ reason: 'paused' }), sampleIntent()]
    await gate.learn([waited, another])
    expect([gate.pauseOf(waited), gate.pauseOf(another)]).toEqual([typePause, null])
  })

  it('is new by its id: one that is extended takes nothing out of memory', () => {
    const gate = createWorkGate(new MemoryIntentStore())
    expect(gate.set([pauseOf({})])).toBe('more')
    expect(gate.set([pauseOf({ until: new Date(1) })])).toBe('same')
    expect(gate.set([])).toBe('fewer')
  })
})

describe('the workers of a group', () => {
  it('release and set aside what they claim under a pause of its campaign, and send the rest', async () => {
    const { workers, store, sending, flow } = fixtureOf()
    workers.pause([pauseOf({})])
    store.due.push(...of('1', 2), ...of('2', 1))
    flow()
    workers.start()
    await soon(() => expect(sending.map(({ id }) => id)).toEqual(['200']))
    expect(store.released.map(({ id }) => id)).toEqual(['100', '101'])
    expect(store.aside).toEqual(['pause 7: 100 101'])
    expect(store.started.map(({ intent }) => intent.id)).toEqual(['200'])
  })

  it('claim nothing of a paused channel, and go on when it is resumed', async () => {
    const { workers, store, sending, flow } = fixtureOf({ pollMs: 1 })
    workers.pause([channelPause])
    store.due.push(...mails(2))
    flow()
    workers.start()
    await soon(() => expect(workers.turns()).toBeGreaterThan(10))
    expect(store.claims).toEqual([])
    workers.pause([])
    await soon(() => expect(sending).toHaveLength(2))
  })

  it('give back what waits in memory when a pause begins, and finish what has begun', async () => {
    const { workers, store, sending } = fixtureOf({ poolSize: 2 })
    store.due.push(...mails(3))
    workers.start()
    await soon(() => expect([sending.length, store.due.length]).toEqual([2, 0]))
    // The last claim has ended: the third waits in memory.
    await setImmediate()
    workers.pause([channelPause])
    await soon(() => expect(store.released.map(({ id }) => id)).toEqual(['3']))
    for (const one of sending) one.end()
    await soon(() => expect(store.settled.map(({ intent }) => intent.id).toSorted()).toEqual(['1', '2']))
    expect(store.started).toHaveLength(2)
  })

  it('reserve nothing for an accept while anything is paused, and give back what one still claims', async () => {
    const { workers, store } = fixtureOf()
    workers.start()
    await soon(() => expect(store.claims.length).toBeGreaterThan(0))
    const before = workers.reserve()
    expect(before.reservation).not.toBeNull()
    const claims = store.claims.length
    workers.pause([typePause])
    before.release(accepted({ intents: 1, claimed: mails(1) }))
    await soon(() => expect(store.released.map(({ id }) => id)).toEqual(['1']))
    await soon(() => expect(store.claims.length).toBeGreaterThan(claims))
    await setImmediate()
    const meanwhile = workers.reserve()
    expect(meanwhile.reservation).toBeNull()
    meanwhile.release(null)
    expect(store.started).toEqual([])
  })

  it('are not concerned by pauses of other groups', async () => {
    const { workers, store, sending, flow } = fixtureOf()
    workers.pause([{ ...channelPause, group: 'other-workers' }])
    store.due.push(...mails(1))
    flow()
    workers.start()
    await soon(() => expect(sending).toHaveLength(1))
  })
})

describe('an attempt that has not begun', () => {
  it('ends without a trace when its pause begins during the wait for a connection', async () => {
    const { executor, store, email } = createDeliveryFixture([mailKind()])
    const gate = createWorkGate(store)
    const free = Promise.withResolvers<undefined>()
    const { acquire } = email
    email.acquire = async (message, signal) => {
      await free.promise
      return acquire(message, signal)
    }
    const executed = executeIntent({ ...executor, gate }, sampleIntent(), new AbortController().signal)
    await setImmediate()
    gate.set([channelPause])
    free.resolve(undefined)
    expect(await executed).toEqual({ is: 'paused', pause: channelPause })
    expect([store.started, store.settled, email.slotsOut]).toEqual([[], [], 0])
  })

  it('is stopped by its destination once that is known', async () => {
    const { executor, store, email } = createDeliveryFixture([mailKind()])
    email.destinationOf = () => 'e'
    const gate = createWorkGate(store)
    const pause = pauseOf({ scope: 'destination', target: 'e' })
    gate.set([pause])
    expect(await executeIntent({ ...executor, gate }, sampleIntent(), new AbortController().signal)).toEqual({ is: 'paused', pause })
  })

  it('of a broadcast writes no page', async () => {
    const { executor, store } = createDeliveryFixture([broadcastKind])
    const gate = createWorkGate(store)
    gate.set([pauseOf({})])
    const page = sampleIntent({ channel: 'broadcast', kind: 'milestone-broadcast', campaignId: '1' })
    expect(await executeIntent({ ...executor, gate }, page, new AbortController().signal)).toMatchObject({ is: 'paused' })
    expect(store.transactions).toEqual([])
  })
})
