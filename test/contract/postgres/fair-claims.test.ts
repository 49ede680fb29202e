import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { channelList, channelNames } from '../../../src/daemon/compose/channels.ts'
import { createIntentWorkers } from '../../../src/delivery/worker-pool.ts'
import { Destinations } from '../../../src/delivery/destinations.ts'
import type { Performed } from '../../../src/delivery/channel.ts'
import { prepareEach, type IntentKind } from '../../../src/model/intent-kind.ts'
import type { WebhookMessage } from '../../../src/delivery/webhook/webhook-message.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { createDeliveryFixture, mailKind } from '../../unit/delivery/delivery-fixture.ts'
import { eventually } from '../../support/eventually.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

const SLOW_ANSWER_MS = 10_000
const PER_SLOW_ENDPOINT = 12
const NEWCOMERS = 50
const delivered: Performed = { is: 'done', state: 'delivered', reply: {} }

const reward: IntentKind<'webhook'> = {
  kind: 'reward',
  version: 1,
  channel: 'webhook',
  prepare: prepareEach(async ({ data }) => ({
    is: 'message',
    message: messageTo(typeof data['endpoint'] === 'string' ? data['endpoint'] : ''),
  })),
}

function messageTo(endpointId: string): WebhookMessage {
  return { endpointId, url: '', secret: '', eventType: '', payload: {}, retryEnabled: true, maxRetries: 9 }
}

/** The workers of a group on the real database. Slow endpoints answer when the test says, ten seconds later by the clock. */
function groupOf(poolSize: number) {
  const group = `group-${randomUUID()}`
  let now = 0
  let hanging: { readonly endpoint: string; readonly answer: () => void }[] = []
  const visited = new Set<string>()
  const arrived = new Map<string, number>()
  // As the reward group has: two channels, of which neither gets all workers.
  const fixture = createDeliveryFixture([reward, { ...mailKind(), kind: 'reward' }], {
    store: createIntentStore(database, { channels: channelNames }),
    destinations: new Destinations(() => {}, { channels: channelList, now: () => now }),
  })
  fixture.webhook.destinationOf = ({ endpointId }) => endpointId
  Object.assign(fixture.webhook, { deliveryLog: null })
  fixture.webhook.perform = (_intent, _frozen, { endpointId }) => {
    visited.add(endpointId)
    const arrive = () => arrived.set(endpointId, (arrived.get(endpointId) ?? 0) + 1)
    if (!endpointId.startsWith('slow')) {
      arrive()
      return Promise.resolve(delivered)
    }
    return new Promise((resolve) => {
      const answer = () => {
        arrive()
        resolve(delivered)
      }
      hanging.push({ endpoint: endpointId, answer })
    })
  }
  const workers = createIntentWorkers({ group, executor: fixture.executor, poolSize, owner: group, pollMs: 5 })
  return {
    workers,
    visited,
    arrivedAt: (endpoint: string) => arrived.get(endpoint) ?? 0,
    most: () =>
      Math.max(
        0,
        ...Map.groupBy(hanging, ({ endpoint }) => endpoint)
          .values()
          .map((some) => some.length),
      ),
    async owe(endpoint: string, count: number, accountId: string = randomUUID()) {
      const campaignId = randomUUID()
      await database.sql.query(
        `INSERT INTO accounts (id, name, slug, status) VALUES ($1::uuid, 'An account', $1::uuid::text, 'active') ON CONFLICT DO NOTHING`,
        [accountId],
      )
      await database.sql.query(
        `INSERT INTO campaigns (id, account_id, name, slug, status, type) VALUES ($1::uuid, $2, 'A campaign', $1::uuid::text, 'active', 'waitlist')`,
        [campaignId, accountId],
      )
      await database.sql.query(
        `INSERT INTO worker.intents (group_name, kind, version, channel, key, campaign_id, data, due_at)
         SELECT $1, 'reward', 1, 'webhook', $2::text || ' ' || n, $3, jsonb_build_object('endpoint', $2::text), now() - interval '1 second'
           FROM generate_series(1, $4::int) AS n`,
        [group, endpoint, campaignId, count],
      )
    },
    /** Until the workers have looked for work again and again, and nothing was claimed, sent or put back any more. */
    async rest() {
      let facts = -1
      let turns = 0
      await eventually('nothing moves any more', () => {
        const turned = workers.turns() ?? 0
        if (facts !== fixture.facts.length) [facts, turns] = [fixture.facts.length, turned]
        // An intent that runs and hangs nowhere is being put back, by a database that takes its time.
        const moving = workers.running().length - hanging.length
        return (moving === 0 && turned - turns > 16) || `${facts} facts, ${moving} moving`
      })
    },
    answer() {
      now += SLOW_ANSWER_MS
      const due = hanging
      hanging = []
      for (const one of due) one.answer()
    },
    async stop() {
      fixture.webhook.perform = async () => delivered
      for (const one of hanging) one.answer()
      await workers.stop()
    },
  }
}

describe.each([
  [5, 3],
  [10, 6],
  [20, 12],
])('a pool of %i, with permits for %i endpoints that have not replied yet', (poolSize, unproven) => {
  it.each([
    [1, 'an account'],
    [4, 'accounts of their own'],
    [20, 'an account'],
    [20, 'accounts of their own'],
  ])(
    'and %i slow endpoints of %s: deliveries of other tenants wait at first until every endpoint has had a turn, and for no reply later',
    async (slow, whose) => {
      const group = groupOf(poolSize)
      try {
        const shared = whose === 'an account' ? randomUUID() : undefined
        for (let one = 0; one < slow; one++) await group.owe(`slow ${one}`, PER_SLOW_ENDPOINT, shared ?? randomUUID())
        await group.owe('newcomer', NEWCOMERS)
        group.workers.start()
        // As many at a time as there are permits: each endpoint that has not replied yet goes before those that are known to be slow.
        const longest = Math.ceil((slow + 1) / unproven) - 1
        let waited = 0
        for (; waited <= longest; waited++) {
          await group.rest()
          expect(group.most()).toBeLessThanOrEqual(2)
          if (group.arrivedAt('newcomer') === NEWCOMERS) break
          group.answer()
        }
        expect(waited).toBeLessThanOrEqual(longest)

        let all = false
        for (let round = 0; !all && round < slow; round++) {
          all = group.visited.size === slow + 1
          group.answer()
          await group.rest()
        }
        expect(all).toBe(true)
        await group.owe('second newcomer', NEWCOMERS)
        await group.rest()
        expect(group.arrivedAt('second newcomer')).toBe(NEWCOMERS)
      } finally {
        await group.stop()
      }
    },
  )
})
