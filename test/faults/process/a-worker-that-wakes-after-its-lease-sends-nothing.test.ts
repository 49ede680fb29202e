import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { Platform } from '../../support/platform.ts'
import { setScene } from '../../support/scene.ts'

/**
 * Fault: a daemon is frozen (SIGSTOP) between the reading for a mail and its start, until the lease is over.
 * Promise: it drops the mail; whoever takes it next decides by the rows as they are then.
 */
test('a worker that is frozen until its lease is over drops the mail that it had prepared: its reader has gone meanwhile', async () => {
  await using scene = await setScene({ partitions: 1 })
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const settings = { KAFKA_GROUPS: 'email-workers', MAIL_DEADLINE_MS: '1000' }
  // Nobody takes claims back here: what keeps the mail from going is the worker's own proof.
  const sleeper = scene.daemon({ ...settings, LEASE_CHECK_MS: '3600000' })
  await sleeper.ready()

  await scene.transaction(async (tx) => {
    await tx.query('LOCK TABLE waitlist_users IN ACCESS EXCLUSIVE MODE')
    await scene.publisher.publishUserSignedUp({ ...campaign, ...person })
    await eventually('the worker reads whom it may write to', async () => (await readers()) === 1 || `${await readers()} wait`)
    sleeper.kill('SIGSTOP')
  })
  await eventually('what it read lies before it', async () => (await readers()) === 0 || 'not yet')
  await scene.sql.query('UPDATE waitlist_users SET deleted_at = now() WHERE id = $1', [person.userId])
  await eventually('its lease is over', async () => {
    const [row] = await scene.sql.query<{ over: boolean; state: string }>('SELECT lease_until < now() AS over, state FROM worker.intents')
    return (row?.over === true && row.state === 'claimed') || JSON.stringify(row)
  })
  sleeper.kill('SIGCONT')
  await eventually(
    'the worker has ended its attempt',
    () => sleeper.lines.some(({ msg }) => msg === 'claim lost') || scene.smtp.counters.mails > 0 || 'not yet',
  )
  expect(scene.smtp.counters.mails).toBe(0)

  sleeper.kill('SIGTERM')
  expect(await sleeper.exited).toBe(0)
  const next = scene.daemon(settings)
  await next.ready()
  await eventually('the mail has ended', async () => (await stateOf()) !== 'claimed' || 'still claimed')
  expect({ state: await stateOf(), mails: scene.smtp.counters.mails }).toEqual({ state: 'skipped', mails: 0 })

  /** Statements that read a mail's person and are not done. */
  async function readers(): Promise<number> {
    const rows = await scene.sql.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT now() AS now, %'`,
    )
    return rows.length
  }

  async function stateOf(): Promise<string | undefined> {
    const [row] = await scene.sql.query<{ state: string }>(
      `SELECT CASE state WHEN 'pending' THEN 'claimed' ELSE state END AS state FROM worker.intents`,
    )
    return row?.state
  }
})
