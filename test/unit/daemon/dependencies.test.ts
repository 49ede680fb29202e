import { describe, expect, it } from 'vitest'
import { createDependencies } from '../../../src/daemon/dependencies.ts'
import type { RelayAway } from '../../../src/delivery/email/mail-relay.ts'
import { systemClock } from '../../../src/std/clock.ts'

function setUp(away: RelayAway | null = null) {
  let wall = Date.parse('2030-01-01T00:00:00.000Z')
  let monotonic = 1_000
  const clock = { ...systemClock, now: () => wall, monotonic: () => monotonic }
  const dependencies = createDependencies({ relay: { host: 'relay.example.com:25', away: () => away }, clock })
  return {
    dependencies,
    pass: (ms: number) => {
      wall += ms
      monotonic += ms
    },
    setBack: (ms: number) => (wall -= ms),
    tell: (channel: string, destination: string, state: 'open' | 'half-open' | 'closed', reason: string | null = 'status-503') =>
      dependencies.onFact({ is: 'breaker', channel, destination, state, reason, retryInMs: null }),
  }
}

describe('unavailable dependencies', () => {
  it('are none at first', () => {
    const { dependencies } = setUp()
    expect([dependencies.relay(), dependencies.endpoints(), dependencies.notes()]).toEqual([null, [], {}])
  })

  it('are dated by the monotonic clock from the first opening of the breaker, whatever the probes in between', () => {
    const { dependencies, pass, setBack, tell } = setUp()
    tell('webhook', 'one', 'open')
    pass(5_000)
    tell('webhook', 'two', 'open')
    tell('webhook', 'one', 'half-open', null)
    tell('webhook', 'one', 'open', 'timeout')
    pass(5_000)
    setBack(3_600_000)
    expect(dependencies.endpoints()).toEqual([
      { endpoint: 'one', reason: 'timeout', since: '2029-12-31T23:00:00.000Z', seconds: 10 },
      { endpoint: 'two', reason: 'status-503', since: '2029-12-31T23:00:05.000Z', seconds: 5 },
    ])
    expect(dependencies.notes()['endpoints']).toMatchObject({
      ok: true,
      message: expect.stringContaining('endpoint one and 1 more:'),
    })
    tell('webhook', 'one', 'closed', null)
    expect(dependencies.notes()['endpoints']).toMatchObject({ message: expect.stringContaining('endpoint two:') })
    expect(dependencies.relay()).toBeNull()
  })

  it('have the sentence of the relay, or that of its breaker when it connects but accepts nothing', () => {
    const away = { reason: 'timeout-greeting', sentence: 'it says nothing', forMs: 7_000 } as const
    const dated = { since: '2029-12-31T23:59:53.000Z', seconds: 7, host: 'relay.example.com:25' }
    expect(setUp(away).dependencies.relay()).toEqual({ reason: 'timeout-greeting', message: 'It says nothing.', ...dated })

    const { dependencies, pass, tell } = setUp()
    tell('email', 'relay', 'open', 'timeout-data')
    pass(7_000)
    expect(dependencies.relay()).toEqual({
      reason: 'timeout-data',
      message: expect.stringContaining('The SMTP relay at relay.example.com:25 accepted none of the last mails (timeout-data)'),
      since: '2030-01-01T00:00:00.000Z',
      seconds: 7,
      host: 'relay.example.com:25',
    })
    expect(dependencies.notes()).toMatchObject({ relay: { ok: true, reason: 'timeout-data' } })
    tell('email', 'relay', 'closed', null)
    expect(dependencies.relay()).toBeNull()
  })
})
