import { expect, test, vi } from 'vitest'
import { startKafka } from '../../../stack/kafka-broker.ts'
import { createSourceFixture } from '../../contract/kafka/source-fixture.ts'

const soon = { timeout: 100_000, interval: 25 }

/**
 * Fault: The only broker is away for longer than the client retries.
 * Promise: The group continues where it was, and the outage does not count among the crashes that end a source.
 */
test('a broker outage longer than kafkajs retries loses nothing and does not count as a crash', async () => {
  const kafka = await startKafka()
  try {
    const settings = { brokers: [...kafka.bootstrap], clientId: 'contract' }
    await using s = await createSourceFixture({ settings })
    const member = s.member({}, { crashLimit: 1 })
    await member.start()
    await s.produce(0, ['a'])
    await vi.waitFor(() => expect(member.values()).toEqual(['0:a']), soon)
    await kafka.brokers[0]?.kill()
    await vi.waitFor(() => expect(member.reported('crashed')).not.toEqual([]), { timeout: 120_000, interval: 100 })
    await kafka.brokers[0]?.start()
    await vi.waitFor(() => expect(member.assignments.length).toBeGreaterThan(1), { timeout: 120_000, interval: 100 })
    await s.produce(0, ['b'])
    await vi.waitFor(() => expect(member.values()).toContain('0:b'), soon)
    expect(member.reported('crashed').at(-1)?.crashes).toBe(0)
  } finally {
    await kafka.stop()
  }
})
