import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { newUsersOf, signUp } from '../../support/faults/new-users.ts'

const pool = 2
const ahead = 1

/**
 * Fault: The relay accepts mails and does not reply.
 * Promise: Claims never exceed the workers and the local queue, the oldest intents first.
 */
test('while the relay is slow, a process claims at most one and a half times its workers, the oldest intents first', async () => {
  const variables = { KAFKA_WORKER_POOL_SIZE: String(pool), MAIL_DEADLINE_MS: '600000' }
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, partitions: 1, simulations: 1, variables })
  const { smtp, sql } = fixture.base
  const recipients: string[] = []
  smtp.onMail((mail) => recipients.push(...mail.recipients))
  const guests = newUsersOf(fixture)
  const [campaign] = fixture.seedData.flatMap(({ campaigns }) => campaigns)
  const answer = Promise.withResolvers<undefined>()
  smtp.respondWith((stage) => (stage === 'data' ? answer.promise : undefined))
  await fixture.daemon().ready()

  const { older, newer } = await fixture.fault('the relay takes mails and does not answer', ['relay'], async () => {
    const both = { older: await signUps(20), newer: await signUps(20) }
    const claimed = await sql.query<{ user_id: string }>(
      `SELECT user_id FROM worker.intents WHERE channel = 'email' AND state IN ('claimed', 'handing_over')`,
    )
    expect(claimed.length).toBeGreaterThan(0)
    expect(claimed.length).toBeLessThanOrEqual(pool + ahead)
    expect(claimed.filter(({ user_id }) => both.newer.some(({ person }) => person.id === user_id))).toEqual([])
    answer.resolve(undefined)
    return both
  })
  await eventually('all mails are out', () => recipients.length === 40 || String(recipients.length))
  expect(recipients.toSorted()).toEqual([...older, ...newer].map(({ person }) => person.email).toSorted())
  await fixture.assertHistory()

  /** People whose sign-ups were accepted. */
  async function signUps(count: number) {
    const people = campaign === undefined ? [] : guests(campaign, count)
    await fixture.play(people.map(signUp))
    await eventually('the sign-ups are accepted', async () => {
      const [row] = await sql.query<{ count: string }>('SELECT count(*) FROM worker.intents WHERE user_id = ANY ($1::uuid[])', [
        people.map(({ person }) => person.id),
      ])
      return row?.count === String(count) || String(row?.count)
    })
    return people
  }
})
