import { describe, expect, it } from 'vitest'
import type { WebhookMessage } from '../../../src/delivery/webhook/webhook-message.ts'
import { prepareEach, recordEach, startEach, type IntentKind, type KindRowsOf } from '../../../src/model/intent-kind.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { createDeliveryFixture, execute } from './delivery-fixture.ts'

const message: WebhookMessage = {
  endpointId: 'endpoint-1',
  url: 'https://hooks.example.com/',
  secret: 'secret',
  eventType: 'reward.delivered',
  payload: {},
  retryEnabled: true,
  maxRetries: 3,
}
const update = { columns: { n: 'int' }, sql: () => '' }
const kindRows: KindRowsOf<WebhookMessage> = {
  start: update,
  outcome: { ...update, valuesOf: () => ['2'], notes: async () => [] },
  startValues: () => ['1'],
}
const decided = { is: 'go', message: { ...message, payload: { code: 'drawn' } } } as const
const kindOf = (change: Partial<IntentKind<'webhook'>> = {}): IntentKind<'webhook'> => ({
  kind: 'reward',
  version: 1,
  channel: 'webhook',
  prepare: prepareEach(async () => ({ is: 'message', message })),
  start: startEach(async () => decided),
  recordOutcomes: recordEach(async () => undefined),
  kindRows,
  ...change,
})
const reward = sampleIntent({ channel: 'webhook', kind: 'reward' })
const fixtureOf = (kind: IntentKind<'webhook'>) => {
  const fixture = createDeliveryFixture([kind])
  fixture.webhook.freeze = async (batch) =>
    batch.map((one) => ({ status: 'fulfilled', value: { envelope: { ...one.message.payload }, body: null } }))
  return fixture
}

describe('a webhook whose kind has rows of its own', () => {
  it('starts with what was prepared, and its outcome names them, too', async () => {
    const fixture = fixtureOf(kindOf())
    await execute(fixture, reward)
    expect(fixture.store.started).toMatchObject([{ ofKind: { rows: kindRows, values: ['1'] } }])
    expect(fixture.store.started[0]?.frozen.envelope).toEqual({})
    expect(fixture.store.kindOutcomes).toMatchObject([{ kindRows }])
  })

  it('starts in a transaction of its kind when they do not let it start', async () => {
    const fixture = fixtureOf(kindOf())
    fixture.store.kindRowsRefuse = true
    await execute(fixture, reward)
    expect(fixture.store.started).toMatchObject([{ frozen: { envelope: { code: 'drawn' } } }])
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'final', state: 'sent' } }])
  })

  it('is skipped with the reason of that transaction', async () => {
    const fixture = fixtureOf(kindOf({ start: startEach(async () => ({ is: 'skip', reason: 'reward-revoked' })) }))
    fixture.store.kindRowsRefuse = true
    await execute(fixture, reward)
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'final', state: 'skipped', reason: 'reward-revoked' } }])
  })

  it('starts in a transaction at once where its kind has no values for it', async () => {
    const fixture = fixtureOf(kindOf({ kindRows: { ...kindRows, startValues: () => null } }))
    await execute(fixture, reward)
    expect(fixture.store.started).toMatchObject([{ frozen: { envelope: { code: 'drawn' } } }])
    expect(fixture.store.started[0]?.ofKind).toBeUndefined()
  })

  it.each([
    ['what cannot be taken back', { underway: 'handing_over' }],
    ['a channel without a delivery log', { deliveryLog: null }],
  ] as const)('starts in a transaction for %s', async (_, change) => {
    const fixture = fixtureOf(kindOf())
    Object.assign(fixture.webhook, change)
    await execute(fixture, reward)
    expect(fixture.store.started[0]?.ofKind).toBeUndefined()
    expect(fixture.store.started).toHaveLength(1)
  })
})
