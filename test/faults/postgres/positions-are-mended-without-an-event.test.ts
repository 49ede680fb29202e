import { expect, test } from 'vitest'
import { setFaultScene } from '../../support/faults/fault-scene.ts'
import { guestsOf, quietly, signUp } from '../../support/faults/guests.ts'
import { wrongPositions } from '../../support/story.ts'

/**
 * Fault: The platform changes rows and publishes no event about it.
 * Promise: The sweep finds the campaign, and the positions follow the rows.
 */
test('rows that change without an event (a referral, a blocked person) have their positions corrected within seconds', async () => {
  await using scene = await setFaultScene({ scenario: expect.getState().currentTestName, partitions: 1, stories: 1 })
  const campaign = scene.settings.flatMap(({ campaigns }) => campaigns).find(({ points }) => points === 3)
  if (campaign === undefined) throw new Error('A story has a campaign of three points.')
  const guests = guestsOf(scene)(campaign, 10)
  const idOf = (place: number) => guests[place - 1]?.person.id ?? ''
  await scene.daemon({ LEADERBOARD_SWEEP_MS: '200' }).ready()
  await scene.play(guests.map(signUp))
  await scene.drained(20_000)
  expect(await positionsOf(2, 10)).toEqual([2, 10])

  const referral = { id: crypto.randomUUID(), campaignId: campaign.id, referrerId: idOf(10), referredId: idOf(9) }
  await scene.fault('a referral is confirmed and no event tells of it', [], () =>
    scene.play([quietly({ is: 'refer', referral }, { is: 'confirm', referral })]),
  )
  await scene.drained(20_000)
  // As good as the seventh now, who came before.
  expect(await positionsOf(2, 10)).toEqual([2, 8])
  expect(await wrongPositions(scene.scene, 3)).toEqual([])

  await scene.fault('a person is blocked and no event tells of it', [], () =>
    scene.play([quietly({ is: 'leave', personId: idOf(1), how: 'blocked' })]),
  )
  await scene.drained(20_000)
  expect(await positionsOf(2, 10)).toEqual([1, 7])
  expect(await wrongPositions(scene.scene, 3)).toEqual([])
  await scene.verdict()

  /** Of those who joined in these places. */
  async function positionsOf(...places: readonly number[]): Promise<readonly (number | undefined)[]> {
    const rows = await scene.scene.sql.query<{ id: string; position: number }>('SELECT id, position FROM waitlist_users')
    return places.map((place) => rows.find(({ id }) => id === idOf(place))?.position)
  }
})
