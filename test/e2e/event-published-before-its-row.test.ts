import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('an event published before its row is committed has its effect once the row exists', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  await fixture.daemon().ready()

  const id = randomUUID()
  await fixture.publisher.publishUserSignedUp({ ...campaign, userId: id, email: 'late@example.com' })
  await eventually('the mail waits for its row', async () => {
    const [intent] = await fixture.sql.query<{ state: string; reason: string; attempt: number }>(
      `SELECT state, reason, attempt FROM worker.intents WHERE kind = 'mail'`,
    )
    return (intent?.state === 'pending' && intent.reason === 'awaiting-row' && intent.attempt === 0) || JSON.stringify(intent)
  })
  await platform.person(campaign, { id, email: 'late@example.com' })
  await fixture.drained()
  expect(fixture.smtp.mails.map(({ recipients }) => recipients)).toEqual([['late@example.com']])
})

test('an event whose row never appears ends as skipped, with its reason', async () => {
  await using fixture = await createFixture()
  const campaign = await new Platform(fixture.sql).campaign()
  await fixture.daemon({ MISSING_ROW_WAIT_MS: '1500' }).ready()
  await fixture.publisher.publishUserSignedUp({ ...campaign, userId: randomUUID(), email: 'never@example.com' })
  await fixture.drained()
  expect(await fixture.sql.query(`SELECT state, reason FROM worker.intents WHERE kind = 'mail'`)).toEqual([
    { state: 'skipped', reason: 'not-found' },
  ])
  expect(fixture.smtp.mails).toEqual([])
})
