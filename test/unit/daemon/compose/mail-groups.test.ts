import { expect, it } from 'vitest'
import { channelList, goesToRelay } from '../../../../src/daemon/compose/channels.ts'
import { mailGroups } from '../../../../src/daemon/compose/consumers.ts'

it('the groups with deliveries to the relay need one', () => {
  expect(mailGroups).toEqual(['email-workers', 'reward-workers'])
})

it('a channel whose only destination is the relay goes there, whatever its name', () => {
  const names = { destination: 'SMTP relay', deliveries: 'digests' }
  const retry = { delays: () => [1_000], jitter: 'none', retryAfter: null } as const
  const digests = { name: 'webhook', destinations: { atOnce: 1, failures: 1, sole: 'relay', names }, retry, deliveryLog: null } as const
  expect(goesToRelay('webhook')).toBe(false)
  expect(goesToRelay('leaderboard')).toBe(false)
  expect(goesToRelay('webhook', { ...channelList, webhook: digests })).toBe(true)
})
