import { afterEach, describe, expect, it, vi } from 'vitest'
import { executeIntent } from '../../../src/delivery/execute-intent.ts'
import type { Performed } from '../../../src/delivery/channel.ts'
import type { IntentKind } from '../../../src/model/intent-kind.ts'
import { webhookChannel } from '../../../src/delivery/webhook/webhook-channel.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { createDeliveryFixture, execute, recordingKind, mailKind } from './delivery-fixture.ts'

afterEach(() => void vi.useRealTimers())

const never = new AbortController().signal

/** A webhook, ready to be delivered; its owner allows one retry. */
function webhookKind(change: Partial<IntentKind<'webhook'>> = {}): IntentKind<'webhook'> {
  const message = { endpointId: 'e', url: '', secret: 's', eventType: '', payload: {}, retryEnabled: true, maxRetries: 1 }
  return { kind: 'hook', version: 1, channel: 'webhook', prepare: async () => [{ is: 'message', message }], ...change }
}

describe('an answer that cannot be written down at once', () => {
  const away = new SqlError('away', {})
  const locked = new SqlError('locked', { state: '55P03' })
  const check = new SqlError('x', { state: '23514', table: 'email_logs', constraint: 'short_error' })

  it('is kept until it can be recorded, and reported once', async () => {
    const { kind, outcomes } = recordingKind()
    const fixture = createDeliveryFixture([kind])
    fixture.store.settleFaults.push(away, locked, new SqlError('x', { state: '40P01' }), away)
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([
      { settlement: { is: 'final', state: 'sent', reason: null }, deliveryLog: 'email_logs', ownTablesOnly: false },
    ])
    expect(fixture.store.renewed).toHaveLength(4)
    expect(outcomes).toHaveLength(1)
    expect(fixture.reported('execution-failed')).toMatchObject([{ cause: 'database: SQLSTATE none' }])
    expect(fixture.reported('settled')).toMatchObject([{ outcome: 'sent' }])
  })

  it('is tried again at growing distances, and at least four times in the time of a lease', async () => {
    const clock = createAutoAdvancingClock()
    const fixture = createDeliveryFixture([mailKind()], { clock })
    fixture.store.settleFaults.push(...Array.from({ length: 8 }, () => away))
    await execute(fixture)
    expect(clock.slept).toHaveLength(8)
    expect(clock.slept[0]).toBeLessThanOrEqual(100)
    expect(clock.slept.slice(-1)).toEqual([500])
    expect(fixture.store.settled).toHaveLength(1)
  })

  it('keeps its lease meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const fixture = createDeliveryFixture()
    const writing = Promise.withResolvers<void>()
    fixture.store.recording = writing.promise
    const executed = await executeIntent(fixture.executor, sampleIntent(), never)
    await vi.advanceTimersByTimeAsync(1_600)
    expect(fixture.store.renewed).toEqual([1, 2, 3].map(() => sampleIntent().claim))
    writing.resolve()
    await (executed.is === 'done' ? executed.recording?.written : undefined)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(fixture.store.renewed).toHaveLength(3)
  })

  it('is dropped when somebody else has the intent by then', async () => {
    const fixture = createDeliveryFixture()
    fixture.store.settleFaults.push(away)
    const settle = fixture.store.settle.bind(fixture.store)
    fixture.store.settle = async (...of) => {
      fixture.store.lost = fixture.store.settleFaults.length === 0
      return settle(...of)
    }
    await execute(fixture)
    expect(fixture.facts.map((fact) => fact.is)).toEqual(['started', 'performed', 'execution-failed', 'claim-lost'])
  })

  it('is given up when the process can wait no longer', async () => {
    const fixture = createDeliveryFixture()
    fixture.store.settleFaults.push(locked, away, locked)
    const stop = new AbortController()
    const clock = { ...fixture.executor.clock, sleep: async () => (fixture.store.settleFaults.length === 1 ? stop.abort() : undefined) }
    const executed = await executeIntent({ ...fixture.executor, clock }, sampleIntent(), stop.signal)
    await expect(executed.is === 'done' ? executed.recording?.written : undefined).rejects.toBe(away)
    expect(fixture.store.settleFaults).toHaveLength(1)
  })

  it('is written down without the tables of the platform when they refuse it, and says so', async () => {
    const { kind, outcomes } = recordingKind()
    const fixture = createDeliveryFixture([kind])
    fixture.store.settleFaults.push(check, away, check, check)
    await execute(fixture)
    const detail = "the platform's tables refused it: SQLSTATE 23514, constraint short_error, table email_logs"
    expect(fixture.store.settled).toMatchObject([
      { settlement: { is: 'final', state: 'sent', reason: 'end-refused' }, ownTablesOnly: true, detail },
    ])
    expect(fixture.reported('settled')).toMatchObject([{ outcome: 'sent', reason: 'end-refused', detail }])
    expect(outcomes).toEqual([])
  })

  it('keeps its own reason when it is refused, and what the other side answered', async () => {
    const fixture = createDeliveryFixture()
    fixture.email.perform = async () => ({
      is: 'rejected',
      reason: 'recipient-refused',
      reply: { status: 550, error: 'The relay refused it.' },
    })
    fixture.store.settleFaults.push(check, check, check)
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([
      {
        settlement: { state: 'rejected', reason: 'recipient-refused' },
        ownTablesOnly: true,
        detail: expect.stringMatching(/^The relay refused it\.; the platform/),
      },
    ])
  })
})

describe('how an attempt ended', () => {
  const retry = { is: 'retry', reason: 'recipient-deferred', countsAsAttempt: true, reply: { status: 450 } } as const

  it.each<[string, Performed, object]>([
    [
      'rejected',
      { is: 'rejected', reason: 'recipient-refused', reply: {} },
      { is: 'final', state: 'rejected', reason: 'recipient-refused' },
    ],
    ['dead', { is: 'dead', reason: 'gone', reply: {} }, { is: 'final', state: 'dead', reason: 'gone' }],
    ['ambiguous', { is: 'ambiguous', reason: 'lost', reply: {} }, { is: 'ambiguous', reason: 'lost', afterMs: 60_000, hold: false }],
    [
      'a fault that says nothing about it',
      { ...retry, countsAsAttempt: false, afterMs: 99 },
      { is: 'later', as: 'uncounted', reason: 'recipient-deferred', afterMs: 99 },
    ],
  ])('%s is recorded so', async (_, performed, settlement) => {
    const { kind, outcomes } = recordingKind()
    const fixture = createDeliveryFixture([kind])
    fixture.email.perform = async () => performed
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([{ settlement }])
    expect(outcomes).toMatchObject([{ ok: false, final: performed.is === 'rejected' || performed.is === 'dead' }])
  })

  it('ambiguous under the policy to hold is held', async () => {
    const fixture = createDeliveryFixture([mailKind()], { ambiguous: { hold: true, retryMs: 5 } })
    fixture.email.perform = async () => ({ is: 'ambiguous', reason: 'lost', reply: {} })
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'ambiguous', hold: true, afterMs: 5 } }])
  })

  it.each([
    [0, 500, 1_000],
    [1, 2_500, 5_000],
  ])('a retry after %i attempts comes between %i and %i ms later', async (attempt, least, most) => {
    const fixture = createDeliveryFixture()
    fixture.email.perform = async () => retry
    await execute(fixture, sampleIntent({ attempt }))
    const settlement = fixture.store.settled[0]?.settlement
    expect(settlement).toMatchObject({ is: 'later', as: 'retry', reason: 'recipient-deferred' })
    const afterMs = settlement !== undefined && 'afterMs' in settlement ? settlement.afterMs : -1
    expect(afterMs).toBeGreaterThanOrEqual(least)
    expect(afterMs).toBeLessThanOrEqual(most)
  })

  it('a retry is not before the time that the destination requested', async () => {
    const fixture = createDeliveryFixture()
    fixture.email.perform = async () => ({ ...retry, slowDown: { forMs: 90_000 } })
    await execute(fixture)
    const [settlement] = fixture.store.settled.map((one) => one.settlement)
    expect(settlement !== undefined && 'afterMs' in settlement ? settlement.afterMs : 0).toBeGreaterThanOrEqual(90_000)
  })

  it('is dead when the retries are exhausted; a kind may name a policy of its own', async () => {
    const fixture = createDeliveryFixture()
    fixture.email.perform = async () => retry
    await execute(fixture, sampleIntent({ attempt: 2 }))
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'final', state: 'dead', reason: 'recipient-deferred' } }])
    const shorter = createDeliveryFixture([mailKind({ retry: { delays: () => [], jitter: 'equal', retryAfter: null } })])
    shorter.email.perform = async () => retry
    await execute(shorter)
    expect(shorter.store.settled).toMatchObject([{ settlement: { is: 'final', state: 'dead' } }])
  })

  it.each<[string, Partial<IntentKind<'webhook'>>]>([
    ['no policy', {}],
    ['a policy of its own', { retry: { delays: () => [1_000, 1_000, 1_000], jitter: 'none', retryAfter: null } }],
  ])('an endpoint gets the retries that its owner allows, and no more, from a kind with %s', async (_, change) => {
    const fixture = createDeliveryFixture([webhookKind(change)])
    const client = { post: async () => ({ is: 'reply', status: 500, retryAfter: null, durationMs: 1 }) as const, stop: async () => {} }
    const webhook = webhookChannel.create({ client, deadlineMs: 1_000, clock: fixture.executor.clock })
    const executor = { ...fixture.executor, channels: { ...fixture.executor.channels, webhook } }
    for (const attempt of [0, 1]) await execute({ ...fixture, executor }, sampleIntent({ kind: 'hook', channel: 'webhook', attempt }))
    expect(fixture.store.settled).toMatchObject([
      { settlement: { is: 'later', as: 'retry', reason: 'server-error' } },
      { settlement: { is: 'final', state: 'dead', reason: 'server-error' } },
    ])
  })

  it('a fault that counts as no attempt never exhausts the retries', async () => {
    const fixture = createDeliveryFixture()
    fixture.email.perform = async () => ({ ...retry, countsAsAttempt: false })
    await execute(fixture, sampleIntent({ attempt: 99 }))
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'later', as: 'uncounted' } }])
  })

  it('a bug of the channel leaves a mail ambiguous and a webhook to be tried again, without its words', async () => {
    const fixture = createDeliveryFixture([
      mailKind(),
      {
        kind: 'reward',
        version: 1,
        channel: 'webhook',
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the fake channel looks at no message
        prepare: async () => [{ is: 'message', message: {} as never }],
      },
    ])
    fixture.email.perform = () => Promise.reject(new TypeError('ann@example.org'))
    fixture.webhook.perform = () => Promise.reject(new TypeError('ann@example.org'))
    await execute(fixture)
    await execute(fixture, sampleIntent({ kind: 'reward', channel: 'webhook' }))
    expect(fixture.store.settled).toMatchObject([
      { settlement: { is: 'ambiguous', reason: 'channel-error' } },
      { settlement: { is: 'later', as: 'retry', reason: 'channel-error' } },
    ])
    expect(fixture.store.started.map(({ state }) => state)).toEqual(['handing_over', 'claimed'])
    expect(JSON.stringify([fixture.facts, fixture.store.settled])).not.toContain('ann@')
  })
})
