import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createKindTable } from '../../../src/delivery/kind-table.ts'
import { PREPARED_AHEAD_MS, prepareInBlocks } from '../../../src/delivery/prepare-in-blocks.ts'
import { createIntentWorkers } from '../../../src/delivery/worker-pool.ts'
import type { Intent } from '../../../src/model/intent.ts'
import type { IntentKind, Prepared } from '../../../src/model/intent-kind.ts'
import type { MailMessage } from '../../../src/delivery/email/mail-message.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { eventually } from '../../support/eventually.ts'
import { noSql } from '../../support/memory-intent-store.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { createDeliveryFixture, mailKind, mailMessage } from './delivery-fixture.ts'

const answerTo = ({ id }: Intent): Prepared<MailMessage> => ({ is: 'message', message: { ...mailMessage, userId: id } })
const mails = (...ids: string[]) => ids.map((id) => sampleIntent({ id }))
const transient = new SqlError('away', {})

/** A kind whose calls are noted; `answer` gives those of each call. */
function notedKind(answer: (block: readonly Intent[]) => readonly Prepared<MailMessage>[] = (block) => block.map(answerTo)) {
  const calls: string[] = []
  const kind = mailKind({
    async prepare(block) {
      calls.push(block.map(({ id }) => id).join(' '))
      await setImmediate()
      return answer(block)
    },
  })
  return { kind, calls }
}

/** The intents `waiting`, of which workers take some. */
function blocksOf(kind: IntentKind<'email'>, waiting: Intent[], others: IntentKind<'email'>[] = []) {
  let now = 0
  const kinds = prepareInBlocks(createKindTable([kind, ...others]), { waiting: () => waiting, clock: { monotonic: () => now } })
  return {
    /** Some workers take the intents with these ids in one turn. */
    take: (...ids: string[]): Promise<readonly string[]> => {
      const answers = ids.map(async (id) => {
        const at = waiting.findIndex((intent) => intent.id === id)
        const [intent] = waiting.splice(at, 1)
        if (intent === undefined) throw new Error(`${id} does not wait`)
        const [answer] = (await kinds.of(intent)?.prepare([intent], noSql)) ?? []
        if (answer?.is !== 'message') return answer?.is ?? 'none'
        return 'userId' in answer.message ? answer.message.userId : 'no mail'
      })
      return Promise.all(answers.map((answer) => answer.catch((error: unknown) => (error === transient ? 'thrown' : 'broken'))))
    },
    passes: (ms: number) => {
      now += ms
    },
  }
}

describe('intents that wait for a worker', () => {
  it('are prepared with the first that a worker takes, by one call, and each gets its own answer', async () => {
    const { kind, calls } = notedKind()
    const { take } = blocksOf(kind, mails('a', 'b', 'c'))
    expect(await take('a', 'b')).toEqual(['a', 'b'])
    expect(await take('c')).toEqual(['c'])
    expect(calls).toEqual(['a b c'])
  })

  it('are prepared by a call of their kind and version alone', async () => {
    const [first, second] = [notedKind(), notedKind()]
    const next = { ...second.kind, version: 2 }
    const { take } = blocksOf(first.kind, [...mails('a', 'b'), sampleIntent({ id: 'c', version: 2 })], [next])
    expect(await take('a', 'b', 'c')).toEqual(['a', 'b', 'c'])
    expect([first.calls, second.calls]).toEqual([['a b'], ['c']])
  })

  it('are read again by workers that take them a second after the call began, and only then', async () => {
    const { kind, calls } = notedKind()
    const { take, passes } = blocksOf(kind, mails('a', 'b', 'c', 'd'))
    await take('a')
    passes(PREPARED_AHEAD_MS)
    await take('b')
    expect(calls).toEqual(['a b c d'])
    passes(1)
    await take('c')
    await take('d')
    expect(calls).toEqual(['a b c d', 'c d'])
    expect(PREPARED_AHEAD_MS).toBeLessThanOrEqual(1_000)
  })

  it('are given an answer for one use: what is taken again is read again', async () => {
    const { kind, calls } = notedKind()
    const waiting = mails('a', 'b')
    const [, b] = waiting
    const { take } = blocksOf(kind, waiting)
    await take('a', 'b')
    if (b !== undefined) waiting.push(b)
    await take('b')
    expect(calls).toEqual(['a b', 'b'])
  })

  it('are at most a hundred in one call', async () => {
    const { kind, calls } = notedKind()
    const ids = Array.from({ length: 150 }, (_, n) => String(n))
    const { take } = blocksOf(kind, mails(...ids))
    expect(await take(...ids)).toEqual(ids)
    expect(calls.map((call) => call.split(' ').length)).toEqual([100, 50])
  })
})

describe('one culprit of three', () => {
  it.each([
    ['throws', () => Promise.reject(new TypeError('bad data'))],
    ['is refused by the database', () => Promise.reject(new SqlError('bad', { state: '22P02' }))],
  ])('that %s fails alone: each is prepared by itself', async (_, fail) => {
    const fixture = createDeliveryFixture([
      mailKind({ prepare: async (block) => (block.some(({ id }) => id === '2') ? fail() : block.map(answerTo)) }),
    ])
    await settle(fixture, mails('1', '2', '3'))
    const ends = fixture.store.settled.map(({ intent, settlement }) => `${intent.id} ${'reason' in settlement ? settlement.reason : null}`)
    expect(ends.toSorted()).toEqual(['1 null', '2 prepare-failed', '3 null'])
    expect(fixture.reported('execution-failed')).toEqual([])
  })

  it.each([
    ['an error that a function of the platform raised', 'P0001'],
    ['a damaged row', 'XX001'],
    ['a statement that took too long', '57014'],
  ])('with %s is left to its lease, and its neighbours are sent', async (_, state) => {
    const fixture = createDeliveryFixture([
      mailKind({
        async prepare(block) {
          if (block.some(({ id }) => id === '2')) throw new SqlError('bad', { state })
          return block.map(answerTo)
        },
      }),
    ])
    await settle(fixture, mails('1', '2', '3'))
    expect(fixture.store.settled.map(({ intent }) => intent.id).toSorted()).toEqual(['1', '3'])
    expect(fixture.reported('execution-failed').map(({ intentId }) => intentId)).toEqual(['2'])
  })

  it('that makes the kind answer too few or too often is found in the same way', async () => {
    const { kind, calls } = notedKind((block) => (block.length > 1 ? block.slice(1).map(answerTo) : block.map(answerTo)))
    expect(await blocksOf(kind, mails('a', 'b', 'c')).take('a', 'b', 'c')).toEqual(['a', 'b', 'c'])
    expect(calls).toEqual(['a b c', 'a', 'b', 'c'])
    const never = notedKind(() => [])
    expect(await blocksOf(never.kind, mails('a', 'b')).take('a', 'b')).toEqual(['broken', 'broken'])
  })
})

describe('a lost connection', () => {
  it('fails exactly the intents whose workers wait for the call, not those that wait for a worker', async () => {
    let away = true
    const { kind, calls } = notedKind((block) => {
      if (away) throw transient
      return block.map(answerTo)
    })
    const { take } = blocksOf(kind, mails('a', 'b', 'c', 'd'))
    expect(await take('a', 'b')).toEqual(['thrown', 'thrown'])
    away = false
    expect(await take('c', 'd')).toEqual(['c', 'd'])
    expect(calls).toEqual(['a b c d', 'c d'])
  })

  it('while each is prepared alone fails that one', async () => {
    const { kind } = notedKind((block) => {
      if (block.length > 1) throw new TypeError('bad data')
      if (block[0]?.id === 'b') throw transient
      return block.map(answerTo)
    })
    expect(await blocksOf(kind, mails('a', 'b', 'c')).take('a', 'b', 'c')).toEqual(['a', 'thrown', 'c'])
  })

  it('during a call whose intents have no worker any more is nobody else’s', async () => {
    const { kind } = notedKind(() => {
      throw transient
    })
    const waiting = mails('a', 'b')
    const { take } = blocksOf(kind, waiting)
    const taken = take('a')
    // Given back meanwhile, as at a stop.
    waiting.length = 0
    expect(await taken).toEqual(['thrown'])
  })
})

/** Workers claim the intents, and go on until none is left. */
async function settle(fixture: ReturnType<typeof createDeliveryFixture>, intents: readonly Intent[]): Promise<void> {
  fixture.store.due.push(...intents)
  const workers = createIntentWorkers({ group: 'test-workers', executor: fixture.executor, poolSize: 10, owner: 'me', pollMs: 5 })
  workers.start()
  await eventually('all have ended', () => {
    const ended = fixture.store.settled.length + fixture.reported('execution-failed').length
    return ended === intents.length || `${ended} ended`
  })
  await workers.stop()
}
