import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { drainedWithRetriesDue } from '../../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

/**
 * Fault: The relay refuses our login (535) under traffic, as it does when the password was changed there first.
 * Promise: No mail is rejected, delayed or charged an attempt for it, the relay is not flooded with logins, and all mails are sent when the
 * password is right again.
 */
test('a relay that refuses our password (535) costs no mail an attempt, and gets them all when the password is right again', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 33 })
  const { smtp, sql } = fixture.base
  const daemon = fixture.daemon()
  await daemon.ready()
  const traffic = fixture.traffic({ eventsPerSecond: 30 })
  await eventually('mails go out', () => smtp.counters.accepted > 10 || `${smtp.counters.accepted} mails`)
  const reports = () => daemon.lines.filter((line) => line['reason'] === 'relay-credentials-refused' && line.level !== 'info')

  await fixture.fault('the relay refuses our password', ['relay'], async () => {
    const { logins } = smtp.counters
    smtp.respondWith((stage) => (stage === 'auth' ? { code: 535, text: 'no' } : undefined))
    fixture.proxies.smtp.reset()
    const before = traffic.acknowledged
    await eventually(
      'the login was refused again and again',
      () => smtp.counters.logins >= logins + 4 || `${smtp.counters.logins - logins}`,
    )
    await eventually('traffic goes on', () => traffic.acknowledged > before + 60 || `${traffic.acknowledged - before} events`)
    // Ten at once before the first refusal arrives; then one at a time, with pauses that double.
    expect(smtp.counters.logins - logins).toBeLessThan(20)
    const [waiting] = await sql.query<{ all: string; tried: string }>(
      `SELECT count(*) AS all, count(*) FILTER (WHERE attempt > 0 AND reason = 'relay-credentials-refused') AS tried
         FROM worker.intents WHERE channel = 'email' AND state = 'pending'`,
    )
    expect(Number(waiting?.all)).toBeGreaterThan(10)
    expect(waiting?.tried).toBe('0')
    await eventually('the refusal is reported', () => reports().length > 0 || 'not yet')
    smtp.respondWith(undefined)
  })
  await traffic.stop()
  await drainedWithRetriesDue(fixture)
  const ended = await sql.query(`SELECT DISTINCT state FROM worker.intents WHERE channel = 'email' AND state <> 'skipped'`)
  expect(ended).toEqual([{ state: 'sent' }])
  await fixture.assertHistory()
})
