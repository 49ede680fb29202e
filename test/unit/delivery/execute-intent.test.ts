import { afterEach, describe, expect, it, vi } from 'vitest'
import { executeIntent } from '../../../src/delivery/execute-intent.ts'
import { Postponed, Refusal, Unavailable, type Performed } from '../../../src/delivery/channel.ts'
import type { TransactionChannel } from '../../../src/delivery/transaction-channel.ts'
import type { Settlement } from '../../../src/delivery/intent-store.ts'
import { recordEach, prepareEach, startEach, type AttemptOutcome, type IntentKind, type Prepared } from '../../../src/model/intent-kind.ts'
import type { MailMessage } from '../../../src/delivery/email/mail-message.ts'
import { webhookChannel } from '../../../src/delivery/webhook/webhook-channel.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { createDeliveryFixture, mailKind, mailMessage, type DeliveryFixture } from './delivery-fixture.ts'

afterEach(() => void vi.useRealTimers())

const never = new AbortController().signal
const skip = { is: 'skip', reason: 'test' } as const
const frozen = { envelope: { to: 'first' }, body: Buffer.from('frozen before') }

/** Executes one intent to the end of its recording. */
async function execute({ executor }: DeliveryFixture, intent = sampleIntent(), signal = never) {
  const executed = await executeIntent(executor, intent, signal)
  if (executed.is === 'done') await executed.recording?.written
  return executed
}

/** Sends nothing, and ends when it is told to. */
const untilAborted: DeliveryFixture['email']['perform'] = (_intent, _frozen, _message, _slot, signal) =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve({ is: 'ambiguous', reason: 'deadline', reply: {} }))
  })

/** A kind whose books are noted. */
function kindWithBooks(change: Partial<IntentKind<'email'>> = {}, note?: string) {
  const ends: AttemptOutcome[] = []
  const kind = mailKind({
    recordOutcomes: recordEach(async (_, end) => {
      ends.push(end)
      return note === undefined ? undefined : { note }
    }),
    ...change,
  })
  return { kind, ends }
}

/** A webhook, ready to be delivered; its owner allows one retry. */
function webhookKind(change: Partial<IntentKind<'webhook'>> = {}): IntentKind<'webhook'> {
  const message = { endpointId: 'e', url: '', secret: 's', eventType: '', payload: {}, retryEnabled: true, maxRetries: 1 }
  return { kind: 'hook', version: 1, channel: 'webhook', prepare: async () => [{ is: 'message', message }], ...change }
}

describe('prepare', () => {
  it.each<[string, Prepared<MailMessage>, Settlement]>([
    ['skip is final', { is: 'skip', reason: 'person-deleted' }, { is: 'final', state: 'skipped', reason: 'person-deleted' }],
    [
      'wait burns nothing',
      { is: 'wait', reason: 'awaiting-row', afterMs: 7 },
      { is: 'later', as: 'waiting', reason: 'awaiting-row', afterMs: 7 },
    ],
    ['dead is final too', { is: 'dead', reason: 'no-endpoint' }, { is: 'final', state: 'dead', reason: 'no-endpoint' }],
    ['channel hands it on', { is: 'channel', channel: 'webhook' }, { is: 'moved', channel: 'webhook' }],
  ])('%s, and nothing is started', async (_, answer, settlement) => {
    const fixture = createDeliveryFixture([mailKind({ prepare: async () => [answer] })])
    expect(await execute(fixture)).toEqual({ is: 'done' })
    expect(fixture.store.settled.map((settled) => settled.settlement)).toEqual([settlement])
    expect(fixture.store.started).toEqual([])
    expect(fixture.told('started')).toEqual([])
    expect(fixture.told('settled')).toMatchObject([{ attempt: 0, endToEndMs: null }])
  })

  it('that waits for a whole campaign puts off what else is due of it', async () => {
    const wait = { is: 'wait', reason: 'campaign-paused', afterMs: 7 } as const
    for (const [answer, putOff] of [
      [wait, []],
      [{ ...wait, of: 'campaign' }, [`${sampleIntent().campaignId} campaign-paused`]],
    ] as const) {
      const fixture = createDeliveryFixture([mailKind({ prepare: async () => [answer] })])
      expect(await execute(fixture)).toEqual({ is: 'done' })
      expect(fixture.store.settled.map(({ settlement }) => settlement)).toMatchObject([
        { is: 'later', reason: 'campaign-paused', afterMs: 7 },
      ])
      expect(fixture.store.putOff).toEqual(putOff)
    }
  })

  it('that answers dead updates the rows of its kind, skip does not', async () => {
    const dead = kindWithBooks({ prepare: async () => [{ is: 'dead', reason: 'no-endpoint' }] })
    await execute(createDeliveryFixture([dead.kind]))
    expect(dead.ends).toEqual([{ ok: false, final: true, reason: 'no-endpoint' }])
    const skipped = kindWithBooks({ prepare: async () => [{ is: 'skip', reason: 'manual' }] })
    await execute(createDeliveryFixture([skipped.kind]))
    expect(skipped.ends).toEqual([])
  })

  it.each([
    ['code of ours', new TypeError('ann@example.org')],
    ['a statement that is wrong', new SqlError('ann@example.org', { state: '42703' })],
  ])('that fails by %s is looked at again in a minute, without an attempt and without its words', async (_, error) => {
    const fixture = createDeliveryFixture([mailKind({ prepare: () => Promise.reject(error) })])
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'later', as: 'waiting', reason: 'prepare-failed', afterMs: 60_000 } }])
    expect(fixture.told('settled')[0]?.detail).toMatch(/^(TypeError|SQLSTATE 42703)/)
    expect(JSON.stringify(fixture.facts)).not.toContain('ann@')
  })

  it.each([[[]], [[skip, skip]]])('that does not answer once for each intent is looked at again in a minute: %o', async (answers) => {
    const fixture = createDeliveryFixture([mailKind({ prepare: async () => answers })])
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'later', as: 'waiting', reason: 'prepare-failed' } }])
  })

  it('that cannot reach the database leaves the intent to its lease', async () => {
    const fixture = createDeliveryFixture([mailKind({ prepare: () => Promise.reject(new SqlError('away', {})) })])
    await expect(execute(fixture)).rejects.toThrow('away')
    expect(fixture.store.settled).toEqual([])
  })
})

describe('a mail', () => {
  it('is prepared, frozen, started, sent and recorded', async () => {
    const { kind, ends } = kindWithBooks()
    const fixture = createDeliveryFixture([kind])
    fixture.email.perform = async (_, sending) => {
      expect(fixture.store.started).toMatchObject([{ state: 'handing_over', leaseMs: 2_000, frozen: sending }])
      expect(fixture.email.slotsOut).toBe(1)
      return { is: 'done', state: 'sent', reply: { status: 250 } }
    }
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([
      { settlement: { is: 'final', state: 'sent', reason: null }, reply: { status: 250 }, deliveryLog: 'email_logs' },
    ])
    expect(ends).toEqual([{ ok: true, final: true, reason: null }])
    expect(fixture.email.slotsOut).toBe(0)
    expect(fixture.facts.map((fact) => fact.is)).toEqual(['started', 'performed', 'settled'])
    expect(fixture.told('settled')).toMatchObject([{ outcome: 'sent', attempt: 1, endToEndMs: 0 }])
  })

  it('frees its worker and its place at the relay before its end is written down', async () => {
    const fixture = createDeliveryFixture()
    const writing = Promise.withResolvers<void>()
    fixture.store.recording = writing.promise
    const executed = await executeIntent(fixture.executor, sampleIntent(), never)
    expect(fixture.email.slotsOut).toBe(0)
    expect(fixture.store.settled).toEqual([])
    writing.resolve()
    await (executed.is === 'done' ? executed.recording?.written : undefined)
    expect(fixture.store.settled).toHaveLength(1)
  })

  it('that was frozen before is sent as it was', async () => {
    const fixture = createDeliveryFixture()
    fixture.email.freeze = () => Promise.reject(new Error('must not freeze again'))
    await execute(fixture, sampleIntent({ frozen, attempt: 1 }))
    expect(fixture.store.started).toMatchObject([{ frozen }])
    expect(fixture.told('started')).toMatchObject([{ attempt: 2 }])
  })

  it('carries the note of prepare, or of the rows of its kind, to where an operator reads it', async () => {
    const fixture = createDeliveryFixture([
      mailKind({ prepare: async () => [{ is: 'message', message: mailMessage, note: 'position-not-recalculated' }] }),
    ])
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([{ settlement: { state: 'sent', reason: 'position-not-recalculated' } }])
    const books = createDeliveryFixture([kindWithBooks({}, 'reward-revoked-meanwhile').kind])
    await execute(books)
    expect(books.told('settled')).toMatchObject([{ outcome: 'sent', reason: 'reward-revoked-meanwhile' }])
  })

  it('whose relay is away is not started; nothing is written', async () => {
    vi.useFakeTimers({ toFake: ['performance'] }) // the breaker reads it on both sides of the pause that is compared
    const fixture = createDeliveryFixture()
    fixture.email.acquire = () => Promise.reject(new Unavailable('relay-unreachable', 700))
    expect(await execute(fixture)).toEqual({ is: 'unavailable', reason: 'relay-unreachable' })
    expect([...fixture.store.started, ...fixture.store.settled]).toEqual([])
    expect(fixture.facts).toMatchObject([
      { is: 'breaker', state: 'open', retryInMs: 700 },
      { is: 'dependency', state: 'down' },
    ])
  })

  it('that its channel postpones waits alone, without an attempt', async () => {
    const fixture = createDeliveryFixture()
    fixture.email.acquire = () => Promise.reject(new Postponed('domain-rate', 700))
    expect(await execute(fixture)).toEqual({ is: 'done' })
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'later', as: 'waiting', reason: 'domain-rate', afterMs: 700 } }])
    expect(fixture.told('started')).toEqual([])
  })

  it('that waits for a connection when the process stops is given back', async () => {
    const fixture = createDeliveryFixture()
    fixture.email.acquire = () => Promise.reject(new Error('aborted'))
    expect(await execute(fixture, sampleIntent(), AbortSignal.abort())).toEqual({ is: 'unavailable', reason: 'stopping' })
    await expect(execute(fixture)).rejects.toThrow('aborted')
  })

  it('that somebody else has by now is dropped before it is sent', async () => {
    const fixture = createDeliveryFixture()
    fixture.store.lost = true
    fixture.email.perform = () => expect.unreachable()
    expect(await execute(fixture)).toEqual({ is: 'lost' })
    expect(fixture.facts).toMatchObject([{ is: 'claim-lost', intentId: '1' }])
    expect(fixture.email.slotsOut).toBe(0)
  })

  it('whose claim is lost while it is sent writes nothing', async () => {
    const fixture = createDeliveryFixture()
    fixture.email.perform = async () => {
      fixture.store.lost = true
      return { is: 'done', state: 'sent', reply: {} }
    }
    await execute(fixture)
    expect(fixture.facts.map((fact) => fact.is)).toEqual(['started', 'performed', 'claim-lost'])
  })

  it('that can never be sent is rejected with its sentence, in the rows of its kind and the delivery log, without an attempt', async () => {
    const { kind, ends } = kindWithBooks()
    const fixture = createDeliveryFixture([kind])
    const refusal = new Refusal('template-error', 'The subject does not parse.')
    fixture.email.freeze = async (batch) => batch.map(() => ({ status: 'rejected', reason: refusal }))
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([
      {
        settlement: { is: 'final', state: 'rejected', reason: 'template-error' },
        reply: { error: 'The subject does not parse.' },
        deliveryLog: 'email_logs',
      },
    ])
    expect(ends).toEqual([{ ok: false, final: true, reason: 'template-error' }])
    expect(fixture.told('started')).toEqual([])
    expect(fixture.email.slotsOut).toBe(0)
  })

  it.each([
    ['the connection was lost, perhaps at COMMIT', new SqlError('away', {}), 'SQLSTATE none'],
    ['a row of the platform is locked', new SqlError('locked', { state: '55P03' }), 'SQLSTATE 55P03'],
    ['code of ours threw', new TypeError('ann@example.org'), expect.stringMatching(/^TypeError/)],
  ])('whose start failed because %s waits, sends nothing and burns no attempt', async (_, error, detail) => {
    const { kind, ends } = kindWithBooks()
    const fixture = createDeliveryFixture([kind])
    fixture.store.start = () => Promise.reject(error)
    fixture.store.startWith = () => Promise.reject(error)
    fixture.email.perform = () => expect.unreachable()
    fixture.store.settleFaults.push(new SqlError('away', {}))
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([
      { settlement: { is: 'later', as: 'waiting', reason: 'start-failed' }, deliveryLog: null, detail },
    ])
    expect(fixture.email.slotsOut).toBe(0)
    expect(ends).toEqual([])
    expect(JSON.stringify(fixture.facts)).not.toContain('ann@')
  })

  it('whose start failed waits longer, the longer it has waited for that', async () => {
    const fixture = createDeliveryFixture()
    fixture.store.start = () => Promise.reject(new SqlError('locked', { state: '55P03' }))
    const waitingSince = new Date(fixture.executor.clock.now() - 3_600_000)
    await execute(fixture, sampleIntent({ reason: 'start-failed', waitingSince }))
    await execute(fixture, sampleIntent({ reason: 'awaiting-row', waitingSince }))
    const [long, short] = fixture.store.settled.map(({ settlement }) => ('afterMs' in settlement ? settlement.afterMs : 0))
    expect(long).toBeGreaterThanOrEqual(30_000)
    expect(long).toBeLessThanOrEqual(60_000)
    expect(short).toBeLessThanOrEqual(2_000)
  })

  it('whose start the tables of the platform refuse has failed an attempt, by its retry policy, and is dead when that is exhausted', async () => {
    const { kind, ends } = kindWithBooks()
    const fixture = createDeliveryFixture([kind])
    const refusal = new SqlError('x', { state: '23514', table: 'email_logs', constraint: 'short_subject' })
    fixture.store.start = () => Promise.reject(refusal)
    fixture.store.startWith = () => Promise.reject(refusal)
    fixture.email.perform = () => expect.unreachable()
    for (const attempt of [0, 1, 2]) await execute(fixture, sampleIntent({ attempt }))
    const detail = 'SQLSTATE 23514, constraint short_subject, table email_logs'
    expect(fixture.store.settled).toMatchObject([
      { settlement: { is: 'later', as: 'refused', reason: 'start-refused' }, deliveryLog: 'email_logs', detail },
      { settlement: { is: 'later', as: 'refused', reason: 'start-refused' }, deliveryLog: 'email_logs', detail },
      { settlement: { is: 'final', state: 'dead', reason: 'start-refused' }, deliveryLog: 'email_logs', detail },
    ])
    const pauses = fixture.store.settled.flatMap(({ settlement }) => ('afterMs' in settlement ? [settlement.afterMs] : []))
    const [first = 0, second = 0] = pauses
    expect([first >= 500 && first <= 1_000, second >= 2_500 && second <= 5_000, pauses.length]).toEqual([true, true, 2])
    expect(ends.map(({ final }) => final)).toEqual([false, false, true])
    expect(fixture.told('settled')).toMatchObject([{ detail }, { detail }, { detail }])
  })

  it('is cut off at its deadline', async () => {
    const fixture = createDeliveryFixture([mailKind()])
    const email = { ...fixture.email, deadlineMs: 5, perform: untilAborted }
    await execute({ ...fixture, executor: { ...fixture.executor, channels: { ...fixture.executor.channels, email } } })
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'ambiguous', reason: 'deadline' } }])
  })
})

describe('an answer that cannot be written down at once', () => {
  const away = new SqlError('away', {})
  const locked = new SqlError('locked', { state: '55P03' })
  const check = new SqlError('x', { state: '23514', table: 'email_logs', constraint: 'short_error' })

  it('is kept until it can be recorded, and reported once', async () => {
    const { kind, ends } = kindWithBooks()
    const fixture = createDeliveryFixture([kind])
    fixture.store.settleFaults.push(away, locked, new SqlError('x', { state: '40P01' }), away)
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([
      { settlement: { is: 'final', state: 'sent', reason: null }, deliveryLog: 'email_logs', ownTablesOnly: false },
    ])
    expect(fixture.store.renewed).toHaveLength(4)
    expect(ends).toHaveLength(1)
    expect(fixture.told('execution-failed')).toMatchObject([{ cause: 'database: SQLSTATE none' }])
    expect(fixture.told('settled')).toMatchObject([{ outcome: 'sent' }])
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
    const { kind, ends } = kindWithBooks()
    const fixture = createDeliveryFixture([kind])
    fixture.store.settleFaults.push(check, away, check, check)
    await execute(fixture)
    const detail = "the platform's tables refused it: SQLSTATE 23514, constraint short_error, table email_logs"
    expect(fixture.store.settled).toMatchObject([
      { settlement: { is: 'final', state: 'sent', reason: 'end-refused' }, ownTablesOnly: true, detail },
    ])
    expect(fixture.told('settled')).toMatchObject([{ outcome: 'sent', reason: 'end-refused', detail }])
    expect(ends).toEqual([])
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

describe('a start with rows of its own', () => {
  it('may change the message, which is what is frozen', async () => {
    const changed: MailMessage = { ...mailMessage, values: { first_name: 'Ann' } }
    const fixture = createDeliveryFixture([mailKind({ start: startEach(async () => ({ is: 'go', message: changed })) })])
    fixture.email.freeze = (batch) =>
      Promise.allSettled(batch.map(async ({ message }) => ({ envelope: {}, body: Buffer.from(JSON.stringify(message.values)) })))
    await execute(fixture)
    expect(fixture.store.started.map(({ frozen }) => Buffer.from(frozen.body ?? '').toString())).toEqual(['{"first_name":"Ann"}'])
  })

  it('may refuse: skipped with its reason, nothing sent, no attempt', async () => {
    const { kind, ends } = kindWithBooks({ start: startEach(async () => ({ is: 'skip', reason: 'reward-revoked' })) })
    const fixture = createDeliveryFixture([kind])
    fixture.email.perform = () => expect.unreachable()
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'final', state: 'skipped', reason: 'reward-revoked' } }])
    expect(fixture.told('started')).toEqual([])
    expect(ends).toEqual([])
  })

  it('that does not answer once for each intent burns no attempt, and nothing is sent', async () => {
    const fixture = createDeliveryFixture([mailKind({ start: async () => [] })])
    fixture.email.perform = () => expect.unreachable()
    await execute(fixture)
    expect(fixture.told('started')).toEqual([])
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'later', as: 'waiting', reason: 'start-failed' } }])
  })

  it('is dropped when the claim is lost, and sends what was frozen before', async () => {
    const kind = mailKind({ start: startEach(async () => ({ is: 'go', message: mailMessage })) })
    const fixture = createDeliveryFixture([kind])
    await execute(fixture, sampleIntent({ frozen }))
    expect(fixture.store.started).toMatchObject([{ frozen }])
    fixture.store.lost = true
    expect(await execute(fixture)).toEqual({ is: 'lost' })
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
    const { kind, ends } = kindWithBooks()
    const fixture = createDeliveryFixture([kind])
    fixture.email.perform = async () => performed
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([{ settlement }])
    expect(ends).toMatchObject([{ ok: false, final: performed.is === 'rejected' || performed.is === 'dead' }])
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

  it('a retry is not before the other side asked for', async () => {
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

describe('a channel whose effect is the database', () => {
  const kind: IntentKind<'leaderboard'> = {
    kind: 'recalculate',
    version: 1,
    channel: 'leaderboard',
    prepare: prepareEach(async ({ campaignId }) => ({ is: 'message', message: { campaignId } })),
  }
  const intent = sampleIntent({ kind: 'recalculate', channel: 'leaderboard' })
  type Run = TransactionChannel<unknown>['run']

  function fixtureOf(run: Run): DeliveryFixture {
    const fixture = createDeliveryFixture([kind])
    const leaderboard = { name: 'leaderboard', deadlineMs: 1_000, run } as const
    return { ...fixture, executor: { ...fixture.executor, channels: { ...fixture.executor.channels, leaderboard } } }
  }

  it.each([
    ['done', null],
    ['waiting', 'campaign-locked'],
  ] as const)('tells that it is %s; its own transaction has recorded that', async (outcome, reason) => {
    const fixture = fixtureOf(async () => ({ is: 'ran', outcome, reason }))
    expect(await execute(fixture, intent)).toEqual({ is: 'done' })
    expect(fixture.told('settled')).toMatchObject([{ outcome, reason }])
    expect(fixture.store.settled).toEqual([])
  })

  it('is lost when somebody else has it', async () => {
    const fixture = fixtureOf(async () => ({ is: 'lost' }))
    expect(await execute(fixture, intent)).toEqual({ is: 'lost' })
    expect(fixture.told('claim-lost')).toHaveLength(1)
  })

  it('is tried again when its transaction was ended, and thrown when the connection is gone', async () => {
    const deadlock = fixtureOf(() => Promise.reject(new SqlError('deadlock', { state: '40P01' })))
    await execute(deadlock, intent)
    expect(deadlock.store.settled).toMatchObject([{ settlement: { is: 'later', as: 'retry', reason: 'sqlstate-40P01' } }])
    await expect(
      execute(
        fixtureOf(() => Promise.reject(new SqlError('away', {}))),
        intent,
      ),
    ).rejects.toThrow('away')
  })
})

describe('an intent of a kind that this process does not know', () => {
  it('is left for one that does', async () => {
    const fixture = createDeliveryFixture()
    await execute(fixture, sampleIntent({ version: 2 }))
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'later', as: 'waiting', reason: 'unknown-kind', afterMs: 60_000 } }])
  })
})
