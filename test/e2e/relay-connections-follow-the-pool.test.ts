import { expect, test } from 'vitest'
import { createFixture } from '../support/fixture.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'

const pool = 25

test('a larger pool opens as many more connections to the relay, unless SMTP_MAX_CONNECTIONS is set, and none to the database', async () => {
  await using fixture = await createFixture({ groups: ['email-workers'] })
  const platform = new Platform(fixture.sql)
  // Every mail stays with its worker until the relay answers.
  const answer = Promise.withResolvers<undefined>()
  fixture.smtp.respondWith((stage) => (stage === 'data' ? answer.promise : undefined))
  const variables = { KAFKA_WORKER_POOL_SIZE: String(pool), DATABASE_POOL_SIZE: '3' }
  await fixture.daemon(variables).ready()
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, 2 * pool)
  await fixture.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })))
  const underway = async () => {
    const rows = await fixture.sql.query(`SELECT FROM worker.intents WHERE state = 'handing_over'`)
    return rows.length === pool || `${rows.length} of ${pool}`
  }
  await eventually('every worker has a mail at the relay', underway)
  expect(fixture.smtp.counters.connections).toBe(pool)
  const sessions = await fixture.sql.query<{ name: string; count: number }>(
    `SELECT application_name AS name, count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'kafka-worker delivery' GROUP BY 1`,
  )
  expect(sessions).toEqual([{ name: 'kafka-worker delivery', count: expect.toSatisfy((count: number) => count <= 3) }])
  answer.resolve(undefined)
  await eventually('all mails are out', () => fixture.smtp.counters.mails === 2 * pool || String(fixture.smtp.counters.mails))
  expect(fixture.smtp.counters.connections).toBe(pool)
})
