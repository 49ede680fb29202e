import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { Platform } from '../../support/platform.ts'
import { rewardTenant } from '../../support/reward-tenant.ts'
import { createFixture } from '../../support/fixture.ts'

const HOUR_MS = 3_600_000
const SESSION_MS = 6_000

/**
 * Fault: The wall clock of a daemon is set back by an hour, twice, and forward by four hours: on a quiet topic, while the relay is away,
 * and while the breaker of an endpoint is open. The monotonic clock continues.
 * Promise: The member keeps its partitions and accepts the next event; the relay and the endpoint are tried as soon as they are back.
 */
test('a wall clock that is set back or forward by hours ends no membership and delays nothing', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const { sql, smtp, webhooks, publisher } = fixture
  const platform = new Platform(sql)
  const campaign = await platform.campaign()
  const tenant = await rewardTenant(fixture, platform, 3, webhooks.endpoint('/rewards'))
  const daemon = fixture.daemon(
    { KAFKA_SESSION_TIMEOUT_MS: String(SESSION_MS), KAFKA_HEARTBEAT_INTERVAL_MS: '1000', MAIL_RATE_PER_SECOND: '50' },
    { steppableClock: true },
  )
  await daemon.ready()
  const joins = () => daemon.lines.filter(({ msg }) => msg === 'group joined' || msg === 'assignment ended').length
  const before = joins()
  const said = (msg: string) => eventually(`it says "${msg}"`, () => daemon.lines.some((line) => line.msg === msg) || 'not yet')

  await daemon.stepClock(-HOUR_MS)
  await quiet()
  await mailed()

  await smtp.halt()
  webhooks.respondWith(() => ({ status: 500 }))
  const { email } = await signUp()
  await publisher.publishMany(tenant.events)
  await Promise.all([said('relay is down'), said('breaker open')])
  await daemon.stepClock(-HOUR_MS)
  await smtp.resume()
  webhooks.respondWith(undefined)
  await arrived(email)
  await eventually('the rewards are delivered', async () => {
    await sql.query(`UPDATE worker.intents SET due_at = now() WHERE state = 'pending' AND due_at > now() AND channel = 'webhook'`)
    const left = await sql.query<{ state: string; reason: string }>(
      `SELECT state, reason FROM worker.intents WHERE channel = 'webhook' AND state <> 'delivered'`,
    )
    return left.length === 0 || JSON.stringify(left)
  })

  await daemon.stepClock(4 * HOUR_MS)
  await quiet()
  await mailed()

  /** Nothing comes for longer than the session: heartbeats alone keep the member. */
  async function quiet(): Promise<void> {
    const until = performance.now() + 1.5 * SESSION_MS
    await eventually('a session without a record', () => performance.now() > until || 'not yet')
    expect((await fetch(`${daemon.url()}/readyz`)).status).toBe(200)
    expect((await fetch(`${daemon.url()}/livez`)).status).toBe(200)
  }

  /** A member that the broker has dropped still reads one event, and is refused when it commits. */
  async function mailed(): Promise<void> {
    await arrived((await signUp()).email)
    await eventually('all offsets are committed', async () => {
      const [committed, ranges] = await Promise.all([
        fixture.admin.committed(fixture.group('email-workers'), fixture.topic),
        fixture.admin.ranges(fixture.topic),
      ])
      return committed.get(0) === ranges.get(0)?.high || `${committed.get(0)} of ${ranges.get(0)?.high}`
    })
    expect(joins()).toBe(before)
  }

  async function signUp(): Promise<{ email: string }> {
    const person = await platform.person(campaign, { status: 'pending', email_verified: false, verification_token: randomUUID() })
    await publisher.publishUserSignedUp({ ...campaign, ...person })
    return person
  }

  async function arrived(email: string): Promise<void> {
    await eventually(
      'the mail is there',
      () => smtp.mails.some(({ recipients }) => recipients.includes(email)) || `${smtp.mails.length} mails`,
    )
  }
})
