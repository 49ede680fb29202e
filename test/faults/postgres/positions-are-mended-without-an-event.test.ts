import { expect, test } from 'vitest'
import { Platform } from '../../support/platform.ts'
import { setScene } from '../../support/scene.ts'
import { wrongPositions } from '../../support/story.ts'

/**
 * Fault: the platform changes rows and no event tells of it.
 * Promise: the sweep finds the campaign, and the positions follow the rows.
 */
test('rows that change without an event (a referral, a blocked person) have their positions mended within seconds', async () => {
  await using scene = await setScene({ partitions: 1 })
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign({ points: 3 })
  const people = await platform.crowd(campaign, 10)
  const idOf = (at: number) => people[at]?.userId ?? ''
  const daemon = scene.daemon({ LEADERBOARD_SWEEP_MS: '200' })
  await daemon.ready()
  await scene.settled(20_000)

  await platform.referral(campaign, idOf(9), idOf(8))
  expect(await wrongPositions(scene, 3)).not.toEqual([])
  await scene.settled(20_000)
  expect(await wrongPositions(scene, 3)).toEqual([])

  await scene.sql.query(`UPDATE waitlist_users SET status = 'blocked' WHERE id = $1`, [idOf(0)])
  await scene.settled(20_000)
  expect(await wrongPositions(scene, 3)).toEqual([])
})
