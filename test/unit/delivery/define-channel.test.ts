import { expect, it } from 'vitest'
import { defineChannel } from '../../../src/delivery/define-channel.ts'

it('a channel runs under the name, the retry policy and the delivery log of its definition', () => {
  const retry = { delays: () => [1_000], jitter: 'none', retryAfter: null } as const
  const channel = defineChannel({
    name: 'webhook',
    destinations: { atOnce: 1, failures: 1, sole: 'partner', names: { destination: 'partner', deliveries: 'orders' } },
    retry,
    deliveryLog: 'webhook_deliveries',
    create: (deadlineMs: number) => ({
      deadlineMs,
      concurrency: 1,
      underway: 'claimed',
      maxRetries: () => 1,
      destinationOf: () => 'partner',
      acquire: async () => ({ release: () => {} }),
      freeze: async () => [],
      perform: async () => ({ is: 'done', state: 'delivered', reply: {} }),
    }),
  })
  expect(channel.create(500)).toMatchObject({
    name: 'webhook',
    retry,
    deliveryLog: 'webhook_deliveries',
    deadlineMs: 500,
    underway: 'claimed',
  })
  const inDatabase = defineChannel({
    name: 'broadcast',
    destinations: null,
    writesIntents: true,
    create: (deadlineMs: number) => ({ deadlineMs, run: async () => ({ is: 'lost' }) }),
  })
  expect(inDatabase.create(500)).toMatchObject({ name: 'broadcast', deadlineMs: 500 })
})
