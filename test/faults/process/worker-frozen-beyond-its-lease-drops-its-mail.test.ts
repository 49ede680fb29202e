import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { newUsersOf, joinRow, withoutEvent, signUpEvent } from '../../support/faults/new-users.ts'

/**
 * Fault: A daemon is frozen (SIGSTOP) between preparing a mail and starting it, until the lease has expired.
 * Promise: It drops the mail; the next worker decides by the rows as they are then.
 */
test('a worker frozen until its lease expires drops the mail that it had prepared, as its recipient is gone', async () => {
  const variables = { MAIL_DEADLINE_MS: '1000' }
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, partitions: 1, simulations: 1, variables })
  const { smtp, sql, transaction } = fixture.base
  let mails = 0
  smtp.onMail(() => (mails += 1))
  const [campaign] = fixture.seedData.flatMap(({ campaigns }) => campaigns)
  const [guest] = campaign === undefined ? [] : newUsersOf(fixture)(campaign, 1)
  if (guest === undefined) throw new Error('A scenario has campaigns.')
  await fixture.play([withoutEvent(joinRow(guest))])
  // Nobody takes claims back here: what keeps the mail from going is the worker's own proof.
  const sleeper = fixture.daemon({ KAFKA_GROUPS: 'email-workers', LEASE_CHECK_MS: '3600000' })
  await sleeper.ready()

  await fixture.fault('a daemon is frozen', ['daemon'], async () => {
    await transaction(async (tx) => {
      await tx.query('LOCK TABLE waitlist_users IN ACCESS EXCLUSIVE MODE')
      await fixture.play([signUpEvent(guest)])
      await eventually('the worker reads whom it may write to', async () => (await readers()) === 1 || `${await readers()} wait`)
      sleeper.kill('SIGSTOP')
    })
    await eventually('what it read lies before it', async () => (await readers()) === 0 || 'not yet')
    await fixture.play([withoutEvent({ is: 'leave', personId: guest.person.id, how: 'deleted' })])
    await eventually('its lease is over', async () => {
      const [row] = await sql.query<{ over: boolean; state: string }>(
        `SELECT lease_until < now() AS over, state FROM worker.intents WHERE channel = 'email'`,
      )
      return (row?.over === true && row.state === 'claimed') || JSON.stringify(row)
    })
    sleeper.kill('SIGCONT')
    await eventually(
      'the worker has ended its attempt',
      () => sleeper.lines.some(({ msg }) => msg === 'claim lost') || mails > 0 || 'not yet',
    )
  })
  expect(mails).toBe(0)

  sleeper.kill('SIGTERM')
  expect(await sleeper.exited).toBe(0)
  // The other groups have not begun before.
  const next = fixture.daemon({ KAFKA_START_FROM: 'earliest' })
  await next.ready()
  await eventually('the mail has ended', async () => (await stateOf()) !== 'claimed' || 'still claimed')
  expect({ state: await stateOf(), mails }).toEqual({ state: 'skipped', mails: 0 })
  await fixture.assertHistory()

  /** Statements that read a mail's person and are not done. */
  async function readers(): Promise<number> {
    const rows = await sql.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND application_name = 'kafka-worker delivery'
          AND query LIKE '%SELECT q.n::int AS n, now() AS now, %'`,
    )
    return rows.length
  }

  async function stateOf(): Promise<string | undefined> {
    const [row] = await sql.query<{ state: string }>(
      `SELECT CASE state WHEN 'pending' THEN 'claimed' ELSE state END AS state FROM worker.intents WHERE channel = 'email'`,
    )
    return row?.state
  }
})
