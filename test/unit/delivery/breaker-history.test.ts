import { describe, expect, it } from 'vitest'
import { abandonDeferred, BreakerRecord, type AbandonRequest, type BreakerChange } from '../../../src/delivery/breaker-history.ts'
import { createKindTable } from '../../../src/delivery/kind-table.ts'
import type { Fact } from '../../../src/model/fact.ts'
import type { IntentKind } from '../../../src/model/intent-kind.ts'
import type { RetryPolicy } from '../../../src/model/retry-policy.ts'

function fixture(away: readonly string[] = []) {
  let now = 0
  let failure: Error | null = null
  const written: BreakerChange[][] = []
  const record = new BreakerRecord(
    {
      async recordBreakers(changes) {
        if (failure !== null) throw failure
        written.push([...changes])
        return away.map((destination) => ({ channel: 'webhook', destination }))
      },
    },
    () => now,
  )
  const observe = (state: 'open' | 'half-open' | 'closed', reason: string | null = null, channel = 'webhook') =>
    record.observe({ is: 'breaker', channel, destination: 'e', state, reason, retryInMs: null } satisfies Fact)
  const of = { channel: 'webhook', destination: 'e' }
  return { record, observe, written, of, pass: (ms: number) => (now += ms), fail: (error: Error | null) => (failure = error) }
}

const hours = (...delays: readonly number[]): RetryPolicy => ({
  delays: () => delays.map((delay) => delay * 3_600_000),
  jitter: 'equal',
  retryAfter: null,
})
const kind = (name: string, retry?: RetryPolicy): IntentKind<'webhook'> => ({
  kind: name,
  version: 1,
  channel: 'webhook',
  prepare: async () => [],
  ...(retry && { retry }),
})

describe('what is found out about a destination', () => {
  it('is written once, the last of it, with its age', async () => {
    const { record, observe, written, of, pass } = fixture()
    observe('closed')
    observe('open', 'timeout')
    observe('half-open')
    observe('open', 'too-many-requests', 'email')
    pass(500)
    await record.write()
    await record.write()
    const relay = { channel: 'email', destination: of.destination }
    const found = [{ of, reason: 'timeout' }, { of: relay, reason: 'too-many-requests' }] // prettier-ignore
    expect(written).toEqual([found.map((one) => ({ ...one, state: 'open', agoMs: 500 })), []])
  })

  it('is kept while the database is away, and forgotten breakers are nothing found out', async () => {
    const { record, observe, written, of, pass, fail } = fixture()
    observe('open', 'timeout')
    observe('closed', 'forgotten')
    fail(new Error('away'))
    await expect(record.write()).rejects.toThrow('away')
    fail(null)
    pass(60_000)
    await record.write()
    expect(written).toEqual([[{ of, state: 'open', reason: 'timeout', agoMs: 60_000 }]])
  })

  it('ends with any delivery that arrives, also where the breaker of this process was never open', async () => {
    const { record, written, of } = fixture(['e'])
    record.arrived('webhook', 'e')
    await record.write()
    record.arrived('webhook', 'e')
    record.arrived('webhook', 'another')
    await record.write()
    expect(written).toEqual([[], [{ of, state: 'closed', reason: null, agoMs: 0 }]])
  })

  it('ends with a delivery that arrived before the process had read what is on record, as after a restart', async () => {
    const { record, written, of, pass } = fixture(['e'])
    record.arrived('webhook', 'e')
    record.arrived('webhook', 'another')
    pass(500)
    await record.write()
    await record.write()
    await record.write()
    expect(written).toEqual([[], [{ of, state: 'closed', reason: null, agoMs: 500 }], []])
  })
})

describe('what is deferred for a destination that stays away', () => {
  it('is given up after as long as all retries take, by the policy of its channel or of its kind', async () => {
    const requests: AbandonRequest[] = []
    const store = { abandonDeferred: async (request: AbandonRequest) => (requests.push(request), []) }
    const kinds = createKindTable([kind('reward'), kind('audit', hours(1)), kind('notice')])
    const deferred = { group: 'g', channel: 'webhook', kinds, retry: hours(2, 3), deliveryLog: null } as const
    await abandonDeferred(store, deferred, new AbortController().signal, () => {})
    expect(requests.map(({ kinds: alike, awayMs }) => [alike.map((one) => one.kind), awayMs / 3_600_000])).toEqual([
      [['reward', 'notice'], 5],
      [['audit'], 1],
    ])
  })
})
