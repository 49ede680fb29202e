import { expect, test } from 'vitest'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { newUsersOf, withoutEvent, signUp } from '../../support/faults/new-users.ts'
import { wrongPositions } from '../../support/mixed-events.ts'

/**
 * Fault: The platform changes rows and publishes no event about it.
 * Promise: The sweep finds the campaign, and the positions follow the rows.
 */
test('rows that change without an event (a referral, a blocked person) have their positions corrected within seconds', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, partitions: 1, simulations: 1 })
  const campaign = fixture.seedData.flatMap(({ campaigns }) => campaigns).find(({ points }) => points === 3)
  if (campaign === undefined) throw new Error('A scenario has a campaign of three points.')
  const guests = newUsersOf(fixture)(campaign, 10)
  const idOf = (place: number) => guests[place - 1]?.person.id ?? ''
  await fixture.daemon({ LEADERBOARD_SWEEP_MS: '200' }).ready()
  await fixture.play(guests.map(signUp))
  await fixture.drained()
  expect(await positionsOf(2, 10)).toEqual([2, 10])

  const referral = { id: crypto.randomUUID(), campaignId: campaign.id, referrerId: idOf(10), referredId: idOf(9) }
  await fixture.fault('a referral is confirmed without an event', [], () =>
    fixture.play([withoutEvent({ is: 'refer', referral }, { is: 'confirm', referral })]),
  )
  await fixture.drained()
  // As good as the seventh now, who came before.
  expect(await positionsOf(2, 10)).toEqual([2, 8])
  expect(await wrongPositions(fixture.base, 3)).toEqual([])

  await fixture.fault('a person is blocked without an event', [], () =>
    fixture.play([withoutEvent({ is: 'leave', personId: idOf(1), how: 'blocked' })]),
  )
  await fixture.drained()
  expect(await positionsOf(2, 10)).toEqual([1, 7])
  expect(await wrongPositions(fixture.base, 3)).toEqual([])
  await fixture.assertHistory()

  /** Of those who joined in these places. */
  async function positionsOf(...places: readonly number[]): Promise<readonly (number | undefined)[]> {
    const rows = await fixture.base.sql.query<{ id: string; position: number }>('SELECT id, position FROM waitlist_users')
    return places.map((place) => rows.find(({ id }) => id === idOf(place))?.position)
  }
})
