import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { lineOfStatus, runFix, nothingIsWrong } from '../support/planted-incident.ts'
import { Platform } from '../support/platform.ts'

/** Mails that a slow relay takes longer for than anybody would wait, with two workers. */
const CROWD = 400

test('workerctl status names a hot campaign that keeps others waiting, then its forgotten pause; the printed commands let the others go on, and end the pause', async () => {
  await using fixture = await createFixture({ groups: ['email-workers'], partitions: 1 })
  const platform = new Platform(fixture.sql)
  const [hot, other] = [await platform.campaign(), await platform.campaign()]
  const daemon = fixture.daemon({ KAFKA_WORKER_POOL_SIZE: '2' })
  await daemon.ready()
  const signUps = async (campaign: typeof hot, count: number) => {
    const people = await platform.crowd(campaign, count)
    await fixture.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })))
    return people.map(({ email }) => email)
  }
  const isMailed = (email: string) => fixture.smtp.mails.some(({ recipients }) => recipients.includes(email))

  fixture.smtp.respondWith((stage) => (stage === 'data' ? pause(1_500, undefined, { ref: false }) : undefined))
  const crowd = await signUps(hot, CROWD)
  await eventually('the group reads no more events', async () => {
    const metrics = await daemon.metrics()
    return /^kafka_worker_paused\{[^}]*reason="intents-due"[^}]*\} 1$/m.test(metrics) || metrics.split('\n').filter((line) => line.includes('_paused')).join('\n') // prettier-ignore
  })
  const [bystander = ''] = await signUps(other, 1)
  const named = await lineOfStatus(fixture, `Campaign ${hot.campaignId} has `, ` due intents of the email channel of ${fixture.group('email-workers')}`) // prettier-ignore
  expect(named).toMatch(/ has \d{3} of the \d{3} due intents .*, the oldest for \d+ s, and \d+ events? (is|are) unread meanwhile/)
  expect(isMailed(bystander)).toBe(false)

  // The relay is as slow as before.
  await runFix(fixture, named)
  await eventually('the other campaign goes on', () => isMailed(bystander) || 'not yet')
  const [held] = await fixture.sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM worker.intents WHERE campaign_id = $1 AND state = 'pending' AND reason = 'paused'`,
    [hot.campaignId],
  )
  expect(held?.count).toBeGreaterThan(CROWD / 2)
  expect(crowd.filter(isMailed).length).toBeLessThan(CROWD / 2)

  // Somebody prolongs the pause without an end, and leaves for three days.
  const target = ['pause', 'campaign', hot.campaignId, '--group', 'email-workers']
  const prolonged = await runWorkerctl(
    [...target, '--owner', 'night shift', '--because', 'slow relay', '--until-resumed', '--extend'],
    fixture.variables,
  )
  expect(prolonged).toMatchObject({ code: 0, err: '' })
  await fixture.sql.query(`UPDATE worker.pauses SET began_at = '2026-01-31T12:00:00Z'`)
  fixture.smtp.respondWith(undefined)
  const forgotten = await lineOfStatus(fixture, `Campaign ${hot.campaignId} of ${fixture.group('email-workers')} is paused by night shift (slow relay)`) // prettier-ignore
  expect(forgotten).toContain(' until it is resumed, since 2026-01-31T12:00:00.000Z. Run: npm run workerctl -- resume campaign ')

  await runFix(fixture, forgotten)
  await eventually('everybody is mailed', () => fixture.smtp.counters.mails === CROWD + 1 || String(fixture.smtp.counters.mails))
  await nothingIsWrong(fixture)
  expect(new Set(fixture.smtp.mails.flatMap(({ recipients }) => recipients))).toEqual(new Set([...crowd, bystander]))
  expect(fixture.smtp.counters.mails).toBe(CROWD + 1)
})
