import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { drainedWithRetriesDue } from '../../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

/** The checker lets the first and the last five seconds of an outage pass. */
const OUTAGE_MS = 14_000

/**
 * Fault: The relay is away under traffic, first refusing connections, then as a black hole.
 * Promise: Positions and webhooks continue, no mail loses an attempt, the daemon stays ready, and all mails are sent afterwards.
 */
test('while the relay is away, refusing or silent, positions and webhooks continue; mails wait and none is lost', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 36 })
  const { smtp, webhooks, sql } = fixture.base
  let calls = 0
  webhooks.onCall(() => calls++)
  const daemon = fixture.daemon()
  await daemon.ready()
  const traffic = fixture.traffic({ eventsPerSecond: 30 })
  await eventually('mails go out', () => smtp.counters.accepted > 10 || `${smtp.counters.accepted} mails`)

  for (const how of ['refuse', 'blackHole'] as const) {
    await fixture.fault(`the relay is away: ${how}`, ['relay'], async () => {
      const until = Date.now() + OUTAGE_MS
      await fixture.proxies.smtp[how]()
      const before = { accepted: smtp.counters.accepted, calls, recalculated: await recalculated() }
      await eventually('webhooks and positions have continued', async () => {
        const now = { calls, recalculated: await recalculated() }
        return (now.calls > before.calls && now.recalculated > before.recalculated) || JSON.stringify({ before, now })
      })
      await eventually('the outage is over', () => Date.now() > until || `${until - Date.now()} ms`)
      expect(smtp.counters.accepted).toBe(before.accepted)
      expect((await fetch(`${daemon.url()}/readyz`)).status).toBe(200)
      await fixture.proxies.smtp.pass()
    })
    const { accepted } = smtp.counters
    await eventually('mails go out again', () => smtp.counters.accepted > accepted || `${accepted}`)
  }
  await traffic.stop()
  await drainedWithRetriesDue(fixture)
  const ended = await sql.query(`SELECT DISTINCT state FROM worker.intents WHERE channel = 'email' AND state <> 'skipped'`)
  expect(ended).toEqual([{ state: 'sent' }])
  const { checks } = await fixture.assertHistory()
  expect(checks.I11.checked).toBeGreaterThan(0)

  /** When the last recalculation of any campaign was, epoch milliseconds. */
  async function recalculated(): Promise<number> {
    const [row] = await sql.query<{ at: Date }>('SELECT max(committed_at) AS at FROM worker.recalculations')
    return Number(row?.at)
  }
})
