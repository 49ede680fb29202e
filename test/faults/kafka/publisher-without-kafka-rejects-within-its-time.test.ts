import { expect, test } from 'vitest'
import { PublisherError } from '../../../src/publisher/publisher-error.ts'
import { eventually } from '../../support/eventually.ts'
import { createPublisherFixture, type PublisherFixture } from './publisher-fixture.ts'

/** Of a request of the Kafka client that gets no answer: a call that waited for it would take at least as long. */
const CLIENT_MS = 30_000

/**
 * Fault: The broker of an application that publishes is killed, or answers nothing, and comes back after the time of a call.
 * Promise: Each call that was not acknowledged rejects within its time and says how long it waited and why. Nothing that was acknowledged
 * is missing, events that are published again are in the log, and none is lost because another was given up before it.
 */
test('a publisher whose broker is killed rejects within its time, and publishes once the broker is back', async () => {
  await using fixture = await createPublisherFixture({ timeoutMs: 2_000 })
  await fixture.publish(0)
  const [broker] = fixture.kafka.kafka.brokers
  await broker?.kill()
  const refused = await Promise.all([1, 2, 3].map((count) => rejectionOf(fixture, count)))
  for (const { error, tookMs } of refused) {
    expect(error.reason).toBe('unavailable')
    expect(error.message).toMatch(
      /^Kafka at 127\.0\.0\.1:\d+ has not acknowledged campaign\.milestone_reached within \d+\.\d s \(.+\): it may have been written; publish it again, which is safe$/,
    )
    expect(error.waitedMs).toBeGreaterThanOrEqual(1_999)
    expect(tookMs).toBeLessThan(CLIENT_MS)
  }
  await broker?.start()
  for (const count of [1, 2, 3]) await untilAcknowledged(fixture, count)
  expect(firstOccurrences(await fixture.logged(), fixture)).toEqual([0, 1, 2, 3])
})

test('a broker that does not answer is reported within the time of a call', async () => {
  await using fixture = await createPublisherFixture({ timeoutMs: 1_500, closeTimeoutMs: 1_000 })
  await fixture.publish(0)
  await fixture.proxy.blackHole()
  const { error, tookMs } = await rejectionOf(fixture, 1)
  expect(error).toMatchObject({ reason: 'unavailable', message: expect.stringContaining('(no answer)') })
  expect(tookMs).toBeLessThan(CLIENT_MS)
  await fixture.proxy.pass()
  await untilAcknowledged(fixture, 2)
  expect(firstOccurrences(await fixture.logged(), fixture)).toContain(2)
})

test('an event is not taken for the one before it, which was written and given up', async () => {
  await using fixture = await createPublisherFixture({ timeoutMs: 8_000 })
  const { proxy } = fixture
  await fixture.publish(0)
  // The broker appends the next event, and its acknowledgement never arrives.
  proxy.cutAfter(0, 'to-client', 'each')
  expect(await rejectionOf(fixture, 1)).toMatchObject({ error: { reason: 'unavailable' } })
  // An attempt to send it that is under way would still be acknowledged: the next event is tried before the network heals.
  const { accepted } = proxy.counters
  const acknowledged = untilAcknowledged(fixture, 2)
  await eventually('the next event is tried', () => proxy.counters.accepted >= accepted + 8 || `${proxy.counters.accepted} connections`)
  await proxy.pass()
  await acknowledged
  expect(firstOccurrences(await fixture.logged(), fixture)).toEqual([0, 1, 2])
})

async function rejectionOf(fixture: PublisherFixture, count: number): Promise<{ error: PublisherError; tookMs: number }> {
  const startedAt = performance.now()
  const error = await fixture.publish(count).catch((thrown: unknown) => thrown)
  if (!(error instanceof PublisherError)) throw new Error(`not a PublisherError: ${JSON.stringify(error)}`)
  return { error, tookMs: performance.now() - startedAt }
}

/** Publishes the same event until it is acknowledged, as an application would. */
async function untilAcknowledged(fixture: PublisherFixture, count: number): Promise<void> {
  for (let tries = 0; tries < 40; tries++) {
    const isDone = await fixture.publish(count).then(
      () => true,
      () => false,
    )
    if (isDone) return
  }
  throw new Error(`${count} was never acknowledged`)
}

function firstOccurrences(logged: ReadonlyMap<string, readonly number[]>, { campaigns }: PublisherFixture): readonly number[] {
  return [...new Set(logged.get(campaigns[0] ?? ''))]
}
