import { expect, test } from 'vitest'
import { channelList } from '../../../src/daemon/compose/channels.ts'
import { createClaiming } from '../../../src/delivery/claim-loop.ts'
import { DeferredIntents } from '../../../src/delivery/deferred-intents.ts'
import { Destinations } from '../../../src/delivery/destinations.ts'
import { createKindTable } from '../../../src/delivery/kind-table.ts'
import { LocalQueue } from '../../../src/delivery/local-queue.ts'
import { createWorkGate } from '../../../src/delivery/work-gate.ts'
import { MemoryIntentStore } from '../../support/memory-intent-store.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { webhookKind } from './worker-pool-fixture.ts'

const WORKERS = 8

const emptyQueue = () => new LocalQueue(WORKERS, { run: async () => 'done', freed: () => {}, isFull: () => false })
const deferredFor = (destinations: Destinations, monotonic: () => number) =>
  new DeferredIntents({
    group: 'group',
    channel: 'webhook',
    store: { deferredDestinations: async () => [] },
    destinations,
    queue: emptyQueue(),
    clock: { monotonic },
    isPaused: () => false,
  })
const one = (destination: string) => ({ destination, permits: 1 })

test('destinations that have not answered yet get permits before slow ones that were deferred earlier', async () => {
  let now = 0
  const destinations = new Destinations(() => {}, { channels: channelList, now: () => now })
  destinations.limit('group', 'webhook', WORKERS)
  const slow = ['slow 1', 'slow 2', 'slow 3']
  for (const destination of slow) {
    const permit = destinations.acquire('webhook', destination, 'group')
    if ('is' in permit) throw new Error(permit.is)
    permit.begin()
    now += 10_000
    permit.release({ is: 'ok' })
  }
  const deferred = deferredFor(destinations, () => now)
  for (const destination of [...slow, 'new 1', 'new 2', 'new 3', 'new 4', 'new 5', 'new 6', 'new 7']) deferred.add(destination)

  expect((await deferred.wanted()).wanted).toEqual(['new 7', 'new 1', 'new 2', 'new 3', 'new 4', 'new 5'].map(one))
  expect((await deferred.wanted()).wanted).toEqual(['new 1', 'new 2', 'new 3', 'new 4', 'new 5', 'new 6'].map(one))
})

test('a newer intent for a destination waits in line only while none is known to be deferred for it', () => {
  const destinations = new Destinations(() => {}, { channels: channelList })
  const claiming = createClaiming({
    group: 'group',
    nextOwner: () => 'me',
    poolSize: WORKERS,
    kinds: createKindTable([webhookKind]),
    store: new MemoryIntentStore(),
    destinations,
    queue: emptyQueue(),
    room: () => 0,
    isWorthAClaim: () => false,
    leaseMs: () => 1_000,
    turn: () => {},
    clock: { monotonic: () => 0, now: () => 0 },
    gate: createWorkGate(new MemoryIntentStore()),
    observe: () => {},
  })
  const newer = sampleIntent({ channel: 'webhook', destination: null })
  expect(claiming.mayLineUp(newer, 'busy')).toBe(true)
  claiming.deferred(sampleIntent({ channel: 'webhook' }), 'busy')
  expect([claiming.mayLineUp(newer, 'busy'), claiming.mayLineUp(newer, 'other')]).toEqual([false, true])
  // It was deferred itself.
  expect(claiming.mayLineUp({ ...newer, destination: 'busy' }, 'busy')).toBe(true)
})

test('the next claim begins with the destinations of which this one took nothing', async () => {
  const deferred = deferredFor(new Destinations(() => {}, { channels: channelList }), () => 0)
  for (const destination of ['a', 'b', 'c']) deferred.add(destination)
  const request = await deferred.wanted()
  deferred.claimed(request, [sampleIntent({ channel: 'webhook', destination: 'a' })], false)
  const order = (await deferred.wanted()).wanted.map(({ destination }) => destination)
  expect(order.filter((destination) => destination !== 'c')).toEqual(['b', 'a'])
})
