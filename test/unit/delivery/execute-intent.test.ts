import { describe, expect, it } from 'vitest'
import type { TransactionChannel } from '../../../src/delivery/transaction-channel.ts'
import type { Settlement } from '../../../src/delivery/intent-store.ts'
import { prepareEach, startEach, type IntentKind, type Prepared } from '../../../src/model/intent-kind.ts'
import type { MailMessage } from '../../../src/delivery/email/mail-message.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { createDeliveryFixture, execute, recordingKind, mailKind, mailMessage, type DeliveryFixture } from './delivery-fixture.ts'

const skip = { is: 'skip', reason: 'test' } as const
const frozen = { envelope: { to: 'first' }, body: Buffer.from('frozen before') }

describe('prepare', () => {
  it.each<[string, Prepared<MailMessage>, Settlement]>([
    ['skip is final', { is: 'skip', reason: 'person-deleted' }, { is: 'final', state: 'skipped', reason: 'person-deleted' }],
    [
      'wait does not count as an attempt',
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
    expect(fixture.reported('started')).toEqual([])
    expect(fixture.reported('settled')).toMatchObject([{ attempt: 0, endToEndMs: null }])
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
    const dead = recordingKind({ prepare: async () => [{ is: 'dead', reason: 'no-endpoint' }] })
    await execute(createDeliveryFixture([dead.kind]))
    expect(dead.outcomes).toEqual([{ ok: false, final: true, reason: 'no-endpoint' }])
    const skipped = recordingKind({ prepare: async () => [{ is: 'skip', reason: 'manual' }] })
    await execute(createDeliveryFixture([skipped.kind]))
    expect(skipped.outcomes).toEqual([])
  })

  it.each([
    ['code of ours', new TypeError('ann@example.org')],
    ['a statement that is wrong', new SqlError('ann@example.org', { state: '42703' })],
  ])('that fails by %s is looked at again in a minute, without an attempt and without its words', async (_, error) => {
    const fixture = createDeliveryFixture([mailKind({ prepare: () => Promise.reject(error) })])
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'later', as: 'waiting', reason: 'prepare-failed', afterMs: 60_000 } }])
    expect(fixture.reported('settled')[0]?.detail).toMatch(/^(TypeError|SQLSTATE 42703)/)
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
    const { kind, outcomes } = recordingKind({ start: startEach(async () => ({ is: 'skip', reason: 'reward-revoked' })) })
    const fixture = createDeliveryFixture([kind])
    fixture.email.perform = () => expect.unreachable()
    await execute(fixture)
    expect(fixture.store.settled).toMatchObject([{ settlement: { is: 'final', state: 'skipped', reason: 'reward-revoked' } }])
    expect(fixture.reported('started')).toEqual([])
    expect(outcomes).toEqual([])
  })

  it('that does not return one answer per intent counts no attempt and sends nothing', async () => {
    const fixture = createDeliveryFixture([mailKind({ start: async () => [] })])
    fixture.email.perform = () => expect.unreachable()
    await execute(fixture)
    expect(fixture.reported('started')).toEqual([])
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
  ] as const)('reports that it is %s; its own transaction has recorded that', async (outcome, reason) => {
    const fixture = fixtureOf(async () => ({ is: 'ran', outcome, reason }))
    expect(await execute(fixture, intent)).toEqual({ is: 'done' })
    expect(fixture.reported('settled')).toMatchObject([{ outcome, reason }])
    expect(fixture.store.settled).toEqual([])
  })

  it('is lost when somebody else has it', async () => {
    const fixture = fixtureOf(async () => ({ is: 'lost' }))
    expect(await execute(fixture, intent)).toEqual({ is: 'lost' })
    expect(fixture.reported('claim-lost')).toHaveLength(1)
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
