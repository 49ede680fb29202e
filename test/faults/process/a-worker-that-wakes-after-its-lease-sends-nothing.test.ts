import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { setFaultScene } from '../../support/faults/fault-scene.ts'
import { guestsOf, joining, quietly, toldOf } from '../../support/faults/guests.ts'

/**
 * Fault: A daemon is frozen (SIGSTOP) between preparing a mail and starting it, until the lease has expired.
 * Promise: It drops the mail; the next worker decides by the rows as they are then.
 */
test('a worker frozen until its lease expires drops the mail that it had prepared, as its recipient is gone', async () => {
  const settings = { MAIL_DEADLINE_MS: '1000' }
  await using scene = await setFaultScene({ scenario: expect.getState().currentTestName, partitions: 1, stories: 1, settings })
  const { smtp, sql, transaction } = scene.scene
  let mails = 0
  smtp.onMail(() => (mails += 1))
  const [campaign] = scene.settings.flatMap(({ campaigns }) => campaigns)
  const [guest] = campaign === undefined ? [] : guestsOf(scene)(campaign, 1)
  if (guest === undefined) throw new Error('A story has campaigns.')
  await scene.play([quietly(joining(guest))])
  // Nobody takes claims back here: what keeps the mail from going is the worker's own proof.
  const sleeper = scene.daemon({ KAFKA_GROUPS: 'email-workers', LEASE_CHECK_MS: '3600000' })
  await sleeper.ready()

  await scene.fault('a daemon is frozen', ['daemon'], async () => {
    await transaction(async (tx) => {
      await tx.query('LOCK TABLE waitlist_users IN ACCESS EXCLUSIVE MODE')
      await scene.play([toldOf(guest)])
      await eventually('the worker reads whom it may write to', async () => (await readers()) === 1 || `${await readers()} wait`)
      sleeper.kill('SIGSTOP')
    })
    await eventually('what it read lies before it', async () => (await readers()) === 0 || 'not yet')
    await scene.play([quietly({ is: 'leave', personId: guest.person.id, how: 'deleted' })])
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
  const next = scene.daemon({ KAFKA_START_FROM: 'earliest' })
  await next.ready()
  await eventually('the mail has ended', async () => (await stateOf()) !== 'claimed' || 'still claimed')
  expect({ state: await stateOf(), mails }).toEqual({ state: 'skipped', mails: 0 })
  await scene.verdict()

  /** Statements that read a mail's person and are not done. */
  async function readers(): Promise<number> {
    const rows = await sql.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT now() AS now, %'`,
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
