import { afterEach, describe, expect, it } from 'vitest'
import { SqlError } from '../../../src/std/sql.ts'
import { ours, runningFixture, soon, stopWorkers } from './worker-fixture.ts'

afterEach(stopWorkers)

describe('consumer code that fails with one fingerprint', () => {
  const rule = { limit: 5, withinMs: 60_000, probeEveryMs: 1_000 }
  const failingFixture = async () => {
    const broken = { is: true, tries: 0 }
    const consumer = {
      name: 'test-workers',
      types: ['user.verified'] as const,
      kinds: [],
      accept: () => {
        broken.tries++
        if (broken.is) throw new TypeError('person@example.com')
        return []
      },
    }
    return { ...(await runningFixture({ consumer, crashLoopRule: rule })), broken }
  }

  it('pauses its group after the fifth failure: later records are neither given up nor passed, in any partition', async () => {
    const { source, store, letters, factsOf: reported, worker } = await failingFixture()
    const open = Promise.withResolvers<void>()
    store.gate = open.promise
    // Both partitions at once, so that chunks of one are under way while the other's fail.
    const both = [
      source.batch(
        0,
        [0, 1, 2, 3].map((n) => ours(n)),
        4,
      ),
      source.batch(
        1,
        [0, 1, 2, 3].map((n) => ours(n, n + 10)),
        4,
      ),
    ]
    open.resolve()
    const [first = 0n, second = 0n] = await Promise.all(both)
    expect(letters).toHaveLength(5)
    expect(first + second).toBe(5n)
    expect([store.rows.get(0)?.next, store.rows.get(1)?.next]).toEqual([first, second])
    expect(reported('paused')).toMatchObject([
      { reason: 'equal-failures', detail: expect.stringMatching(/TypeError at src.*fixed.*restart/) },
    ])
    expect(source.calls).toEqual(['start', 'pause'])
    expect(worker.status()).toMatchObject({ state: 'waiting', reason: reported('paused')[0]?.detail, partitions: [0, 1] })
    // A batch that was fetched before the pause is left where it is.
    expect(await source.batch(0, [ours(Number(first))], 9)).toBe(first)
    expect(letters).toHaveLength(5)
  })

  it('continues when a probe of the failed event succeeds, and not before', async () => {
    const { source, letters, factsOf: reported, worker, clock, broken } = await failingFixture()
    await source.batch(
      0,
      [0, 1, 2, 3, 4].map((n) => ours(n)),
      5,
    )
    expect(letters).toHaveLength(5)
    const tries = broken.tries
    await soon(() => expect(clock.sleeping).toContain(1_000))
    clock.advance(1_000)
    await soon(() => expect(broken.tries).toBe(tries + 1))
    expect(worker.status().state).toBe('waiting')
    broken.is = false
    await soon(() => expect(clock.sleeping.filter((ms) => ms === 1_000).length).toBeGreaterThan(1))
    clock.advance(1_000)
    await soon(() => expect(reported('unpaused')).toMatchObject([{ reason: 'equal-failures' }]))
    expect(source.calls.at(-1)).toBe('resume')
    expect(worker.status()).toEqual({ state: 'running', reason: null, partitions: [0, 1] })
    expect(await source.batch(0, [ours(5)], 6)).toBe(6n)
  })

  it('gives nothing up while nothing can be accepted', async () => {
    const { source, store, letters, clock } = await failingFixture()
    store.refuses = () => new SqlError('away', {})
    const handling = source.batch(0, [ours(0)], 1)
    await soon(() => expect(clock.sleeping.length).toBeGreaterThan(1))
    expect(letters).toEqual([])
    store.refuses = () => null
    clock.advance(5_000)
    expect(await handling).toBe(1n)
    expect(letters).toMatchObject([{ reason: 'consumer-error', attempts: 2 }])
  })
})
