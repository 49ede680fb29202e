import { describe, expect, it } from 'vitest'
import { createFeed, oldEvent, rewardEarned, signUp } from '../../../bench/workers/events.ts'
import { idOf, PARTITIONS, TENANTS } from '../../../bench/workers/ids.ts'
import { goTypes, handledBy, ourTypes } from '../../../bench/workers/rows.ts'
import { decode } from '../../../src/events/decode.ts'
import type { EventTransport } from '../../../src/events/event-transport.ts'
import type { TypedInput } from '../../../src/events/publisher-input.ts'

type Sent = Parameters<EventTransport['send']>[1][number] & { readonly partition?: number }

async function sent(events: readonly TypedInput[]): Promise<readonly Sent[]> {
  const messages: Sent[] = []
  const feed = createFeed({ send: async (_, some) => void messages.push(...some) }, 'topic')
  await feed.publishMany(events)
  return messages
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

describe('the events of the bench', () => {
  it('hold what a hand-written worker mails, and stay valid', async () => {
    const [message] = await sent([signUp(41)])
    const event: { data: object } = JSON.parse(String(message?.value))
    expect(event.data).toMatchObject({
      user_id: idOf('person', 41),
      email: 'person-41@example.com',
      first_name: 'Ada',
      referral_code: 'R41',
      position: 41,
    })
    const headers = Object.fromEntries(Object.entries(message?.headers ?? {}).map(([name, value]) => [name, Buffer.from(value)]))
    expect(decode({ value: message?.value ?? null, headers }, { maxBytes: 10_000 })).toMatchObject({
      is: 'event',
      event: { type: 'user.signed_up' },
    })
  })

  it('share the partitions evenly, and leave a campaign on one', async () => {
    const messages = await sent(numbers(200).map((n) => rewardEarned(n)))
    const perPartition = Map.groupBy(messages, ({ partition }) => partition)
    expect(perPartition.size).toBe(PARTITIONS)
    expect([...perPartition.values()].every((some) => some.length === 200 / PARTITIONS)).toBe(true)
    const places = new Set(messages.map(({ key, partition }) => `${key} ${partition}`))
    expect(places.size).toBe(TENANTS)
  })

  it('of a month ago are old, mixed and each another fact, and every tenant has all types', async () => {
    const events = numbers(2_000).map((n) => oldEvent(n))
    const days = events.map(({ timestamp }) => (Date.now() - Number(timestamp)) / 86_400_000)
    expect(Math.min(...days)).toBeGreaterThan(29)
    expect(Math.max(...days)).toBeLessThan(31)
    expect(new Set((await sent(events)).map(({ headers }) => headers['event-id'])).size).toBe(2_000)
    for (const types of Map.groupBy(events, ({ campaignId }) => campaignId).values()) {
      expect(new Set(types.map(({ type }) => type)).size).toBe(6)
    }
  })
})

describe('what a drain expects', () => {
  it('is what the groups handle, by type', () => {
    expect(handledBy(ourTypes, 100)).toMatchObject({ 'email-workers': 85, 'position-workers': 15, 'reward-workers': 8 })
    expect(handledBy(goTypes, 200)).toEqual({ 'email-workers': 170, 'position-workers': 70, 'reward-workers': 46 })
  })
})
