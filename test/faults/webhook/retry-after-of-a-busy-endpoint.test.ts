import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { drainedWithRetriesDue } from '../../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { tenantsOf } from '../../support/faults/reward-steps.ts'
import { retryAfterKinds, tooBusy } from '../../support/faults/webhook-answers.ts'

const DAY = 86_400
/** For who says nothing that can be read. */
const MINUTE = 60

/** The minimum delay of a delivery in seconds, for each kind of `Retry-After`; longer than a day is cut to a day. */
const retryAfterSeconds: Readonly<Record<keyof ReturnType<typeof retryAfterKinds>, number>> = {
  seconds: 2,
  'no seconds': 0,
  'a date to come': 2,
  'a date that has passed': 0,
  'a date in ten years': DAY,
  'longer than anybody waits': DAY,
  'more digits than a number holds': DAY,
  'a negative number': MINUTE,
  'a fraction': MINUTE,
  words: MINUTE,
  nothing: MINUTE,
  'two values': MINUTE,
}

const kinds = Object.keys(retryAfterSeconds).flatMap((kind) => ([429, 503] as const).map((status) => ({ kind, status })))

/**
 * Fault: Endpoints answer 429 and 503 with every kind of `Retry-After`: seconds, dates in the past, near and far future, huge, negative and
 * meaningless values, or none.
 * Promise: No endpoint is called before the time that it named, none is left alone for longer than a day, and a meaningless value defers a
 * delivery by a minute.
 */
test('a busy endpoint is called again when it said, within a day whatever it said, and its delivery is deferred, not lost', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 42, simulations: kinds.length / 4 })
  const { webhooks, sql } = fixture.base
  const tenants = tenantsOf(fixture.seedData, fixture.random)
  const calledAt = new Map<string, number[]>()
  webhooks.onCall(({ path, at }) => calledAt.set(path, [...(calledAt.get(path) ?? []), at]))
  const first = fixture.daemon()
  await first.ready()

  await fixture.fault('endpoints are busy', ['webhook'], async () => {
    webhooks.respondWith(({ path }) => {
      const { kind, status } = kinds[tenants.findIndex((tenant) => tenant.path === path)] ?? {}
      return kind === undefined ? undefined : tooBusy(retryAfterKinds()[kind] ?? '', status)
    })
    await fixture.play(tenants.flatMap((tenant) => tenant.earn(1)))
    const seen = new Map<string, number>()
    await eventually('each endpoint has deferred its delivery', async () => {
      for (const [campaign, at] of await due()) if (!seen.has(campaign)) seen.set(campaign, at)
      return seen.size === kinds.length || `${seen.size} of ${kinds.length}`
    })
    const wrong = kinds.flatMap(({ kind, status }, index) => {
      const { campaign, path } = tenants[index] ?? {}
      const [at = NaN] = calledAt.get(path ?? '') ?? []
      const seconds = ((seen.get(campaign?.id ?? '') ?? NaN) - at) / 1_000
      const least = retryAfterSeconds[kind] ?? NaN
      // A tenth more, that many do not come at once; the schedule's own first pause; and what a busy machine takes to write it down.
      return seconds >= least && seconds <= Math.max(least * 1.1, 5) + 10 ? [] : [`${status} with ${kind}: ${seconds} s`]
    })
    expect(wrong).toEqual([])
    webhooks.respondWith(undefined)
  })

  // A `Retry-After` is remembered for an hour at most, in the memory of one process: a restart forgets it.
  first.kill('SIGTERM')
  expect(await first.exited).toBe(0)
  await fixture.daemon().ready()
  await drainedWithRetriesDue(fixture)
  const ended = await sql.query(`SELECT DISTINCT state FROM worker.intents WHERE channel = 'webhook'`)
  expect(ended).toEqual([{ state: 'delivered' }])
  await fixture.assertHistory()

  /** When each delivery comes again, epoch milliseconds by campaign. */
  async function due(): Promise<Map<string, number>> {
    const rows = await sql.query<{ campaign_id: string; due_at: Date }>(
      `SELECT campaign_id, due_at FROM worker.intents WHERE channel = 'webhook' AND state = 'pending' AND attempt = 1`,
    )
    return new Map(rows.map(({ campaign_id, due_at }) => [campaign_id, due_at.getTime()]))
  }
})
