import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture, type FaultFixture } from '../../support/faults/fault-fixture.ts'
import { earnReward, newUsersOf, signUp } from '../../support/faults/new-users.ts'
import { countersOf } from '../../support/faults/probes.ts'

const MAILS = 4
const REWARDS = 3

/** What happens to the database while the answers come, until `failed` has found that no end could be written. */
const faults: Record<string, (fixture: FaultFixture, failed: () => Promise<unknown>) => Promise<void>> = {
  'the database cannot be reached': async ({ proxies }, failed) => {
    await proxies.postgres.refuse()
    await failed()
    await proxies.postgres.pass()
  },
  "the platform's rows of them stay locked for longer than a lease": async ({ base }, failed) => {
    await base.transaction(async (tx) => {
      const lease = await tx.query<{ until: string }>(
        `SELECT max(lease_until)::text AS until FROM worker.intents WHERE channel IN ('email', 'webhook')`,
      )
      await tx.query('SELECT FROM email_logs FOR UPDATE')
      await tx.query('SELECT FROM user_rewards FOR UPDATE')
      await failed()
      await eventually('every lease would be over', async () => {
        const [row] = await tx.query<{ over: boolean }>(`SELECT clock_timestamp() > $1::timestamptz + interval '1 second' AS over`, [
          lease[0]?.until,
        ])
        return row?.over === true || 'not yet'
      })
    })
  },
}

/**
 * Fault: The database is away, or the platform's rows are locked for longer than a lease, while the relay and an endpoint reply.
 * Promise: Their replies are kept and recorded later: no mail and no delivery is sent twice.
 */
test.each(Object.keys(faults).map((what, index) => ({ what, seed: 71 + index })))(
  'a reply that cannot be recorded at once is kept: $what',
  async ({ what, seed }) => {
    await using fixture = await createFaultFixture({
      scenario: expect.getState().currentTestName,
      seed,
      partitions: 1,
      simulations: 1,
      variables: { MAIL_DEADLINE_MS: '15000', WEBHOOK_DEADLINE_MS: '15000', LEASE_CHECK_MS: '200' },
    })
    const { sql, smtp, webhooks } = fixture.base
    const copies: string[] = []
    smtp.onMail(({ messageId }) => copies.push(messageId))
    webhooks.onCall(({ id }) => copies.push(id))
    const answers = Promise.withResolvers<void>()
    smtp.respondWith((stage) => (stage === 'data' ? answers.promise.then(() => undefined) : undefined))
    webhooks.respondWith(() => answers.promise.then(() => undefined))
    const daemon = fixture.daemon()
    await daemon.ready()

    const { campaigns = [], rewards = [] } = fixture.seedData[0] ?? {}
    const campaign = campaigns[0]
    const reward = rewards.find(({ campaignId, path }) => campaignId === campaign?.id && path === `/${campaign.slug}`)
    if (campaign === undefined || reward === undefined) throw new Error('A campaign has a reward for an endpoint of its own.')
    const guests = newUsersOf(fixture)(campaign, MAILS)
    await fixture.play([...guests.map(signUp), ...guests.slice(0, REWARDS).map((guest) => earnReward(guest, reward, randomUUID()))])
    // An endpoint has two deliveries at a time.
    const underway = MAILS + 2
    await eventually('answers are awaited', () => copies.length >= underway || `${copies.length} of ${underway}`)

    // A lock leaves the database ready; its absence does not.
    await fixture.fault(what, what.startsWith('the database') ? ['database'] : [], async () => {
      const breaking = faults[what]?.(fixture, () =>
        eventually('no end can be written', async () => {
          answers.resolve()
          const failures = await countersOf([daemon], 'kafka_worker_execution_failures_total')
          return failures >= underway || `${failures} failures`
        }),
      )
      await breaking
    })
    await eventually('every end is written', async () => {
      const open = await sql.query<{ state: string; reason: string | null }>(
        `SELECT state, reason FROM worker.intents WHERE channel IN ('email', 'webhook') AND state NOT IN ('sent', 'delivered')`,
      )
      return open.length === 0 || JSON.stringify(open)
    })
    expect(copies.toSorted()).toEqual([...new Set(copies)].toSorted())
    expect(await sql.query('SELECT FROM worker.intents WHERE ambiguous > 0')).toEqual([])
    await fixture.assertHistory()
  },
)
