import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { earnReward, newUsersOf, joinRow, withoutEvent } from '../../support/faults/new-users.ts'

/**
 * Fault: An endpoint answers 500 until its breaker opens.
 * Promise: Deliveries to other endpoints are not affected.
 */
test('while the breaker of a dead endpoint is open, a reward for another endpoint is delivered at the first attempt', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, partitions: 1, simulations: 1 })
  const { sql, webhooks } = fixture.base
  const guests = newUsersOf(fixture)
  const tenant = (at: number, count: number) => {
    const { campaigns = [], rewards = [] } = fixture.seedData[0] ?? {}
    const campaign = campaigns[at]
    // The one with an endpoint of its own.
    const reward = rewards.find(({ campaignId, path }) => campaignId === campaign?.id && path === `/${campaign.slug}`)
    if (campaign === undefined || reward === undefined) throw new Error('A campaign has a reward for an endpoint of its own.')
    return { path: reward.path, campaignId: campaign.id, reward, people: guests(campaign, count) }
  }
  const dead = tenant(1, 3)
  const live = tenant(2, 1)
  let liveCalls = 0
  webhooks.onCall(({ path }) => (liveCalls += path === live.path ? 1 : 0))
  webhooks.respondWith(({ path }) => (path === dead.path ? { status: 500 } : undefined))
  await fixture.play(
    [...dead.people, ...live.people].map((guest) => withoutEvent(joinRow(guest), { is: 'verify', personId: guest.person.id })),
  )
  const daemon = fixture.daemon()
  await daemon.ready()

  await fixture.fault('an endpoint answers 500', ['webhook'], async () => {
    await fixture.play(dead.people.map((guest) => earnReward(guest, dead.reward, randomUUID())))
    await eventually('the breaker of the dead endpoint is open', () => daemon.lines.some(({ msg }) => msg === 'breaker open') || 'closed')

    await fixture.play(live.people.map((guest) => earnReward(guest, live.reward, randomUUID())))
    await eventually('the other endpoint was tried or put off', async () => {
      const row = await rowOf()
      return row?.state === 'delivered' || row?.reason === 'endpoint-open' || JSON.stringify(row)
    })
    expect(await rowOf()).toEqual({ state: 'delivered', reason: null })
    expect(liveCalls).toBe(1)
    await fixture.heal()
  })
  await fixture.makeRetriesDue()
  await fixture.assertHistory()

  async function rowOf() {
    const [row] = await sql.query<{ state: string; reason: string | null }>(
      `SELECT state, reason FROM worker.intents WHERE campaign_id = $1 AND channel = 'webhook'`,
      [live.campaignId],
    )
    return row
  }
})
