import { describe, expect, it } from 'vitest'
import { createDependencies } from '../../../src/daemon/dependencies.ts'
import { channelList } from '../../../src/daemon/compose/channels.ts'
import type { ChannelDefinitions } from '../../../src/delivery/define-channel.ts'
import type { RelayAway } from '../../../src/delivery/email/mail-relay.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { createDeliveryFixture } from '../delivery/delivery-fixture.ts'

const retry = { delays: () => [1_000], jitter: 'none', retryAfter: null } as const

function setUp(away: RelayAway | null = null, definitions: ChannelDefinitions = channelList) {
  let wall = Date.parse('2030-01-01T00:00:00.000Z')
  let monotonic = 1_000
  const clock = { ...systemClock, now: () => wall, monotonic: () => monotonic }
  const { channels } = createDeliveryFixture().executor
  const email = { ...channels.email, client: { host: 'relay.example.com:25', away: () => away } }
  const dependencies = createDependencies({ definitions, channels: { ...channels, email }, clock })
  return {
    dependencies,
    pass: (ms: number) => {
      wall += ms
      monotonic += ms
    },
    setBack: (ms: number) => (wall -= ms),
    setState: (channel: string, destination: string, state: 'open' | 'half-open' | 'closed', reason: string | null = 'status-503') =>
      dependencies.onFact({ is: 'breaker', channel, destination, state, reason, retryInMs: null }),
  }
}

describe('unavailable dependencies', () => {
  it('are none at first', () => {
    const { dependencies } = setUp()
    expect([dependencies.soles(), dependencies.endpoints(), dependencies.notes()]).toEqual([{ relay: null }, [], {}])
    expect(dependencies.blocked(['email', 'webhook'])).toBeNull()
  })

  it('are dated by the monotonic clock from the first opening of the breaker, whatever the probes in between', () => {
    const { dependencies, pass, setBack, setState } = setUp()
    setState('webhook', 'one', 'open')
    pass(5_000)
    setState('webhook', 'two', 'open')
    setState('webhook', 'one', 'half-open', null)
    setState('webhook', 'one', 'open', 'timeout')
    pass(5_000)
    setBack(3_600_000)
    expect(dependencies.endpoints()).toEqual([
      { channel: 'webhook', endpoint: 'one', reason: 'timeout', since: '2029-12-31T23:00:00.000Z', seconds: 10 },
      { channel: 'webhook', endpoint: 'two', reason: 'status-503', since: '2029-12-31T23:00:05.000Z', seconds: 5 },
    ])
    expect(dependencies.notes()['endpoints']).toMatchObject({
      ok: true,
      message: 'Breaker open for endpoint one and 1 more: rewards are delivered once the endpoint answers; /status lists all.',
    })
    expect(dependencies.endpoints().map((outage) => dependencies.endpointSentence(outage, 'https://hooks.example.com'))[0]).toBe(
      'Endpoint one at https://hooks.example.com accepts no rewards (timeout) and its breaker is open: its owner must fix it. ' +
        'Waiting rewards are delivered once it answers.',
    )
    setState('webhook', 'one', 'closed', null)
    expect(dependencies.notes()['endpoints']).toMatchObject({ message: expect.stringContaining('endpoint two:') })
    expect(dependencies.soles()).toEqual({ relay: null })
  })

  it('have the sentence of the relay, or that of its breaker when it connects but accepts nothing', () => {
    const away = { reason: 'timeout-greeting', sentence: 'it says nothing', forMs: 7_000 } as const
    const dated = { since: '2029-12-31T23:59:53.000Z', seconds: 7, host: 'relay.example.com:25' }
    expect(setUp(away).dependencies.soles()).toEqual({ relay: { reason: 'timeout-greeting', message: 'It says nothing.', ...dated } })

    const { dependencies, pass, setState } = setUp()
    setState('email', 'relay', 'open', 'timeout-data')
    pass(7_000)
    expect(dependencies.soles()['relay']).toEqual({
      reason: 'timeout-data',
      message: expect.stringContaining('The SMTP relay at relay.example.com:25 accepted none of the last mails (timeout-data)'),
      since: '2030-01-01T00:00:00.000Z',
      seconds: 7,
      host: 'relay.example.com:25',
    })
    expect(dependencies.notes()).toMatchObject({ relay: { ok: true, reason: 'timeout-data' } })
    setState('email', 'relay', 'closed', null)
    expect(dependencies.soles()).toEqual({ relay: null })
  })
})

describe('a channel whose definition says otherwise', () => {
  const names = { destination: 'partner', deliveries: 'orders' }

  it('has its only destination beside the relay, and blocks the groups that use it', () => {
    const orders = { name: 'webhook', destinations: { atOnce: 1, failures: 1, sole: 'partner', names }, retry, deliveryLog: null } as const
    const { dependencies, setState } = setUp(null, { ...channelList, webhook: orders })
    setState('webhook', 'partner', 'open', 'status-503')
    const message =
      'The partner accepted none of the last orders (status-503); its own log says why. It is probed with one delivery at a time.'
    expect(dependencies.soles()).toMatchObject({ relay: null, partner: { reason: 'status-503', message, host: null } })
    expect(dependencies.endpoints()).toEqual([])
    expect(dependencies.notes()).toMatchObject({ partner: { ok: true, message } })
    expect(dependencies.blocked(['email', 'webhook'])).toEqual({
      destination: 'partner',
      because: 'the partner accepts no orders',
      but: `orders wait: ${message}`,
    })
    expect(dependencies.blocked(['email', 'broadcast'])).toBeNull()
  })

  it('has destinations of its own that are named as it says, also where another channel has one of the same id', () => {
    const orders = { name: 'broadcast', destinations: { atOnce: 1, failures: 1, sole: null, names }, retry, deliveryLog: null } as const
    const { dependencies, setState } = setUp(null, { ...channelList, broadcast: orders })
    setState('broadcast', 'one', 'open')
    setState('webhook', 'one', 'open')
    setState('webhook', 'one', 'closed')
    const outages = dependencies.endpoints()
    expect(outages.map((outage) => dependencies.endpointSentence(outage, null))).toEqual([
      'Partner one accepts no orders (status-503) and its breaker is open: its owner must fix it. Waiting orders are delivered once it answers.',
    ])
    expect(dependencies.notes()['endpoints']).toMatchObject({
      message: 'Breaker open for partner one: orders are delivered once the partner answers; /status lists all.',
    })
  })
})
