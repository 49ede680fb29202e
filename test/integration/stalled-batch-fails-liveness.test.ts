import { expect, test } from 'vitest'
import type { Channels } from '../../src/delivery/define-channel.ts'
import { createHealth } from '../../src/daemon/health.ts'
import { startHealthServer } from '../../src/infra/http/health-server.ts'
import { systemClock as clock } from '../../src/std/clock.ts'
import { createStallDetector } from '../../src/std/stall-detector.ts'
import { watchedTasks } from '../../src/daemon/watchdog.ts'
import type { Consumer } from '../../src/model/consumer.ts'
import { eventually } from '../support/eventually.ts'
import { groupFixture } from '../support/group-fixture.ts'
import { MemoryAcceptStore } from '../support/memory-accept-store.ts'

const consumer: Consumer = { name: 'stall-workers', types: ['user.signed_up'], accept: () => [], kinds: [] }

/** A group on the real log whose store answers when the test says so, and what liveness says of it. */
async function fixtureOf() {
  const store = new MemoryAcceptStore()
  const fixture = await groupFixture({ acceptStore: store, partitions: 1, variables: { LIVENESS_STALL_MS: '1000' } })
  const { config, admin } = fixture
  const { group } = await fixture.start(consumer)
  const watch = createStallDetector({ clock, graceMs: config.process.livenessStallMs })
  const statement = { longestStatementMs: 500 }
  const signs = () =>
    watchedTasks({
      config,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no intent is ever written
      channels: {} as Channels,
      pools: { accept: statement, delivery: statement, watch: statement, metrics: statement, outbox: statement },
      groups: [group],
      tasks: [],
      databaseOutage: null,
    })
  const health = createHealth({
    facts: () => ({
      phase: 'running',
      quiet: false,
      databaseOutage: null,
      databaseFault: null,
      groups: new Map([[group.id, group.worker.status()]]),
      stalls: watch.check(signs()),
      notes: {},
    }),
    now: () => clock.now(),
  })
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    ...health,
    status: async () => ({}),
    lag: async () => ({}),
    metrics: async () => '',
  })
  return {
    group,
    store,
    admin,
    signUp: () =>
      fixture.publisher.publishUserSignedUp({
        accountId: '7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11',
        campaignId: '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33',
        userId: 'b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55',
        email: 'guest@example.com',
      }),
    live: async () => {
      const response = await fetch(`${server.url}/livez`)
      return { status: response.status, body: await response.text() }
    },
    async [Symbol.asyncDispose]() {
      await fixture[Symbol.asyncDispose]()
      await server.close()
    },
  }
}

test('an accept that never returns: /livez names group and partition, the membership is kept, and a late result makes the process live again', async () => {
  await using fixture = await fixtureOf()
  const { group, store, admin, live } = fixture
  group.workers.start()
  const answer = Promise.withResolvers<void>()
  store.gate = answer.promise
  await fixture.signUp()
  await eventually('the store is tried', () => store.tried.length > 0 || 'not yet')
  expect((await live()).status).toBe(200)
  await eventually('it is not alive, and says why', async () => {
    const { status, body } = await live()
    return (status === 503 && body.includes('without a known reason: batch of partition 0')) || body
  })
  expect(JSON.parse((await live()).body)).toEqual({
    ok: false,
    checks: {
      process: { ok: true },
      [group.id]: {
        ok: false,
        reason: 'stalled',
        message: expect.stringMatching(/^No progress for \d+ s \(limit 2 s\) without a known reason: batch of partition 0\. Restart the process\.$/),
        since: expect.stringMatching(/^2\d{3}-/),
      },
    },
  }) // prettier-ignore
  expect((await admin.groupState(group.id)).members).toBe(1)

  answer.resolve()
  await eventually('it is alive again', async () => (await live()).status === 200 || 'not yet')
  expect(store.rows.get(0)?.next).toBe(1n)
})

test('a store that fails with a reported error: the batch waits, which is not a stall', async () => {
  await using fixture = await fixtureOf()
  const { group, store, live } = fixture
  let refusals = 0
  const refusal = new Error('the dead-letter topic has no leader')
  store.refuses = () => {
    refusals++
    return refusal
  }
  await fixture.signUp()
  // The tries are less than two seconds apart by then, and the batch is older than what a stall needs.
  await eventually('it has waited for longer than a stall may last', async () => {
    expect((await live()).status).toBe(200)
    const [batch] = group.source.batchesInFlight()
    return (refusals > 3 && batch !== undefined && Date.now() - batch.since > 2_500 && batch.waitsFor !== null) || JSON.stringify(batch)
  })
  store.refuses = () => null
  await eventually('the event is accepted', () => store.rows.get(0)?.next === 1n || 'not yet')
})
