import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'

test('an event that is published before its row is committed has its effect as soon as the row is there', async () => {
  await using scene = await setScene()
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  await scene.daemon().ready()

  const id = randomUUID()
  await scene.publisher.publishUserSignedUp({ ...campaign, userId: id, email: 'late@example.com' })
  await eventually('the mail waits for its row', async () => {
    const [intent] = await scene.sql.query<{ state: string; reason: string; attempt: number }>(
      `SELECT state, reason, attempt FROM worker.intents WHERE kind = 'mail'`,
    )
    return (intent?.state === 'pending' && intent.reason === 'awaiting-row' && intent.attempt === 0) || JSON.stringify(intent)
  })
  await platform.person(campaign, { id, email: 'late@example.com' })
  await scene.settled()
  expect(scene.smtp.mails.map(({ recipients }) => recipients)).toEqual([['late@example.com']])
})

test('a row that never comes ends as skipped, with its reason', async () => {
  await using scene = await setScene()
  const campaign = await new Platform(scene.sql).campaign()
  await scene.daemon({ MISSING_ROW_WAIT_MS: '1500' }).ready()
  await scene.publisher.publishUserSignedUp({ ...campaign, userId: randomUUID(), email: 'never@example.com' })
  await scene.settled()
  expect(await scene.sql.query(`SELECT state, reason FROM worker.intents WHERE kind = 'mail'`)).toEqual([
    { state: 'skipped', reason: 'not-found' },
  ])
  expect(scene.smtp.mails).toEqual([])
})
