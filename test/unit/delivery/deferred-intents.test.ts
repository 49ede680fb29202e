import { expect, test } from 'vitest'
import { channelList } from '../../../src/daemon/compose/channels.ts'
import { DeferredIntents } from '../../../src/delivery/deferred-intents.ts'
import { Destinations } from '../../../src/delivery/destinations.ts'
import { LocalQueue } from '../../../src/delivery/local-queue.ts'

const WORKERS = 8

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
  const deferred = new DeferredIntents({
    group: 'group',
    channel: 'webhook',
    store: { deferredDestinations: async () => [] },
    destinations,
    queue: new LocalQueue(
      WORKERS,
      async () => true,
      () => {},
    ),
    clock: { monotonic: () => now },
  })
  for (const destination of [...slow, 'new 1', 'new 2', 'new 3', 'new 4', 'new 5', 'new 6', 'new 7']) deferred.add(destination)

  expect((await deferred.wanted()).wanted).toEqual(['new 7', 'new 1', 'new 2', 'new 3', 'new 4', 'new 5'].map(one))
  expect((await deferred.wanted()).wanted).toEqual(['new 1', 'new 2', 'new 3', 'new 4', 'new 5', 'new 6'].map(one))
})
