import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { Platform } from '../../support/platform.ts'
import { setScene } from '../../support/scene.ts'

const pool = 2
const ahead = 1

/**
 * Fault: the relay takes mails and does not answer.
 * Promise: what a process has claimed stays within its workers and what it claims ahead, the oldest first.
 */
test('while the relay thinks, a process claims no more than its workers and one half more, and nothing new before what is older', async () => {
  await using scene = await setScene({ partitions: 1 })
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const answer = Promise.withResolvers<undefined>()
  scene.smtp.respondWith((stage) => (stage === 'data' ? answer.promise : undefined))
  const daemon = scene.daemon({ KAFKA_GROUPS: 'email-workers', KAFKA_WORKER_POOL_SIZE: String(pool), MAIL_DEADLINE_MS: '60000' })
  await daemon.ready()

  const older = await signUps(20)
  const newer = await signUps(20)
  const claimed = await scene.sql.query<{ user_id: string }>(
    `SELECT user_id FROM worker.intents WHERE state IN ('claimed', 'handing_over')`,
  )
  expect(claimed.length).toBeLessThanOrEqual(pool + ahead)
  expect(claimed.filter(({ user_id }) => newer.some(({ userId }) => userId === user_id))).toEqual([])

  answer.resolve(undefined)
  await eventually('all mails are out', () => scene.smtp.counters.mails === 40 || String(scene.smtp.counters.mails))
  const recipients = scene.smtp.mails.flatMap((mail) => mail.recipients)
  expect(recipients.toSorted()).toEqual([...older, ...newer].map(({ email }) => email).toSorted())

  /** People whose sign-ups were accepted. */
  async function signUps(count: number) {
    const people = await platform.crowd(campaign, count)
    await scene.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })))
    await eventually('the sign-ups are accepted', async () => {
      const [row] = await scene.sql.query<{ count: string }>('SELECT count(*) FROM worker.intents WHERE user_id = ANY ($1::uuid[])', [
        people.map(({ userId }) => userId),
      ])
      return row?.count === String(count) || String(row?.count)
    })
    return people
  }
})
