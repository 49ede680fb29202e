import { afterEach, describe, expect, it, vi } from 'vitest'
import { executeIntent } from '../../../src/delivery/execute-intent.ts'
import { Postponed, Refusal, Unavailable } from '../../../src/delivery/channel.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { startEach } from '../../../src/model/intent-kind.ts'
import { createDeliveryFixture, execute, recordingKind, mailKind, mailMessage, sent, type DeliveryFixture } from './delivery-fixture.ts'

afterEach(() => void vi.useRealTimers())

const never = new AbortController().signal

const frozen = { envelope: { to: 'first' }, body: Buffer.from('frozen before') }

/** Sends nothing, and ends when its signal aborts. */
const untilAborted: DeliveryFixture['email']['perform'] = (_intent, _frozen, _message, _slot, signal) =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve({ is: 'ambiguous', reason: 'deadline', reply: {} }))
  })

describe('a mail', () => {
  it('is prepared, frozen, started, sent and recorded', async () => {
    const { kind, outcomes } = recordingKind()
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
    expect(outcomes).toEqual([{ ok: true, final: true, reason: null }])
    expect(fixture.email.slotsOut).toBe(0)
    expect(fixture.facts.map((fact) => fact.is)).toEqual(['started', 'performed', 'settled'])
    expect(fixture.reported('settled')).toMatchObject([{ outcome: 'sent', attempt: 1, endToEndMs: 0 }])
  })

  it('frees its worker and its slot at the relay before its outcome is recorded', async () => {
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

  it('begins with what is frozen and the slot that it is sent over, before its start is committed', async () => {
    const fixture = createDeliveryFixture()
    const begun: unknown[] = []
    fixture.email.begin = (...what) => {
      expect(fixture.store.started).toEqual([])
      expect(fixture.email.slotsOut).toBe(1)
      begun.push(what)
    }
    fixture.email.perform = async (_, sending, __, slot) => {
      expect(begun).toEqual([[sending, slot]])
      return sent
    }
    await execute(fixture)
    expect(fixture.reported('settled')).toMatchObject([{ outcome: 'sent' }])
  })

  it('does not begin before its start where that decides what is sent', async () => {
    const fixture = createDeliveryFixture([mailKind({ start: startEach(async () => ({ is: 'go', message: mailMessage })) })])
    fixture.email.begin = () => expect.unreachable()
    await execute(fixture)
    expect(fixture.reported('settled')).toMatchObject([{ outcome: 'sent' }])
  })

  it('that was frozen before is sent as it was', async () => {
    const fixture = createDeliveryFixture()
    fixture.email.freeze = () => Promise.reject(new Error('must not freeze again'))
    await execute(fixture, sampleIntent({ frozen, attempt: 1 }))
    expect(fixture.store.started).toMatchObject([{ frozen }])
    expect(fixture.reported('started')).toMatchObject([{ attempt: 2 }])
  })

  it('carries the note of prepare, or of the rows of its kind, to where an operator reads it', async () => {
    const fixture = createDeliveryFixture([
      mailKind({ prepare: async () => [{ is: 'message', message: mailMessage, note: 'position-not-recalculated' }] }),
    ])
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([{ settlement: { state: 'sent', reason: 'position-not-recalculated' } }])
    const recording = createDeliveryFixture([recordingKind({}, 'reward-revoked-meanwhile').kind])
    await execute(recording)
    expect(recording.reported('settled')).toMatchObject([{ outcome: 'sent', reason: 'reward-revoked-meanwhile' }])
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
    expect(fixture.reported('started')).toEqual([])
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
    const { kind, outcomes } = recordingKind()
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
    expect(outcomes).toEqual([{ ok: false, final: true, reason: 'template-error' }])
    expect(fixture.reported('started')).toEqual([])
    expect(fixture.email.slotsOut).toBe(0)
  })

  it.each([
    ['the connection was lost, perhaps at COMMIT', new SqlError('away', {}), 'SQLSTATE none'],
    ['a row of the platform is locked', new SqlError('locked', { state: '55P03' }), 'SQLSTATE 55P03'],
    ['code of ours threw', new TypeError('ann@example.org'), expect.stringMatching(/^TypeError/)],
  ])('whose start failed because %s waits, sends nothing and does not count as an attempt', async (_, error, detail) => {
    const { kind, outcomes } = recordingKind()
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
    expect(outcomes).toEqual([])
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
    const { kind, outcomes } = recordingKind()
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
    expect(outcomes.map(({ final }) => final)).toEqual([false, false, true])
    expect(fixture.reported('settled')).toMatchObject([{ detail }, { detail }, { detail }])
  })

  it('is cut off at its deadline', async () => {
    const fixture = createDeliveryFixture([mailKind()])
    const email = { ...fixture.email, deadlineMs: 5, perform: untilAborted }
    await execute({ ...fixture, executor: { ...fixture.executor, channels: { ...fixture.executor.channels, email } } })
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'ambiguous', reason: 'deadline' } }])
  })
})
