import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { TypedInput } from '../../src/events/publisher-input.ts'
import { Platform } from '../support/platform.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { scaled, writeLine } from './long-scale.ts'

/**
 * Of a hundred events: 6 sign-ups and 2 verifications (a mail each), 1 referral with its mail and recalculation, 1 reward, 90 without an
 * effect.
 */
const BATCH = 1_000
/** Published and not accepted yet, at most: a quarter of the run is to look like the others. */
const AHEAD = 20_000
const CAMPAIGNS = 20

test('memory stays flat over 500,000 events: the last quarter uses at most a tenth more than the second', async () => {
  await using fixture = await createFixture({ smtp: { keepMails: 100 }, webhooks: { keepCalls: 100 } })
  const total = scaled(500, 20) * BATCH
  const next = await plan(fixture)
  const daemon = fixture.daemon({ LOG_LEVEL: 'info' })
  await daemon.ready()

  const quarters: number[][] = [[], [], [], []]
  const began = performance.now()
  let published = 0
  for (;;) {
    const accepted = await acceptedOf(fixture)
    if (accepted >= total) break
    if (published < total && published - accepted < AHEAD) {
      await fixture.publisher.publishMany(next())
      published += BATCH
    }
    quarters[Math.floor((accepted * 4) / total)]?.push(await residentMegabytes(daemon.pid))
    if (published - accepted >= AHEAD || published >= total) await pause(100)
  }
  const seconds = (performance.now() - began) / 1000
  await fixture.drained(300_000)

  const figures = quarters.map((samples) => ({
    mean: samples.reduce((sum, one) => sum + one, 0) / samples.length,
    max: Math.max(...samples),
  }))
  writeLine(
    `${total} events in ${seconds.toFixed(0)} s (${Math.round(total / seconds)} a second), ${fixture.smtp.counters.mails} mails, ${fixture.webhooks.calls.length} webhooks kept`,
  )
  writeLine(`resident by quarter: ${figures.map(({ mean, max }) => `${mean.toFixed(0)} (at most ${max.toFixed(0)})`).join(', ')} MB`)
  const [, second, , last] = figures
  if (second === undefined || last === undefined) throw new Error('There are four quarters.')
  expect(last.mean).toBeLessThanOrEqual(second.mean * 1.1)
  expect(last.max).toBeLessThanOrEqual(second.max * 1.1)
})

/** Makes the rows of the run and returns a function that publishes the next thousand events. */
async function plan(fixture: Fixture): Promise<() => readonly TypedInput[]> {
  const platform = new Platform(fixture.sql)
  const endpoint = fixture.webhooks.endpoint('/rewards')
  const places: (() => readonly TypedInput[])[] = []
  for (let index = 0; index < CAMPAIGNS; index++) {
    const campaign = await platform.campaign({ points: 2 })
    await platform.webhook(campaign, endpoint.url, endpoint.secret)
    const rewardId = await platform.reward(campaign, { method: 'webhook', webhookUrl: endpoint.url, codeTemplate: 'UP-{random}' })
    const people = await platform.crowd(campaign, 200)
    const [referrer, referred] = people
    if (referrer === undefined || referred === undefined) throw new Error('There are people.')
    const referralId = await platform.referral(campaign, referrer.userId, referred.userId)
    const referral = { ...campaign, referralId, referrerId: referrer.userId, referredId: referred.userId }
    const granted = await grants(fixture, campaign.campaignId, rewardId, referrer.userId, scaled(250, 10))
    let reported = 0
    places.push(() => {
      const person = people[reported++ % people.length] ?? referrer
      const subject = { ...campaign, ...person }
      const repeated = { type: 'referral.created', ...referral } as const
      const userRewardId = granted[reported % granted.length] ?? ''
      return [
        ...Array.from({ length: 6 }, () => ({ type: 'user.signed_up' as const, ...subject, ...own() })),
        ...Array.from({ length: 2 }, () => ({ type: 'user.verified' as const, ...subject, ...own() })),
        { type: 'referral.verified', ...referral, pointsPerReferral: 2, ...own() },
        { type: 'reward.earned', ...campaign, userRewardId, userId: referrer.userId, rewardId },
        // Nobody's; repeated ones that are looked up and passed.
        ...Array.from({ length: 60 }, () => ({ ...repeated, ...own() })),
        ...Array.from({ length: 30 }, () => ({ type: 'user.signed_up' as const, ...subject })),
      ]
    })
  }
  let turn = 0
  return () => Array.from({ length: BATCH / 100 }, () => places[turn++ % places.length]?.() ?? []).flat()
}

/** An id of its own: to the worker it is another event. */
const own = () => ({ eventId: crypto.randomUUID() })

async function grants(fixture: Fixture, campaignId: string, rewardId: string, userId: string, count: number): Promise<readonly string[]> {
  const rows = await fixture.sql.query<{ id: string }>(
    `INSERT INTO user_rewards (user_id, reward_id, campaign_id, status, earned_at)
     SELECT $1, $2, $3, 'earned', now() FROM generate_series(1, $4::int) RETURNING id`,
    [userId, rewardId, campaignId, count],
  )
  return rows.map(({ id }) => id)
}

/** Records that the group which handles most has behind it. */
async function acceptedOf(fixture: Fixture): Promise<number> {
  const [row] = await fixture.sql.query<{ accepted: number }>(
    'SELECT coalesce(sum(next_offset), 0)::int AS accepted FROM worker.progress WHERE group_name = $1',
    [fixture.group('email-workers')],
  )
  return row?.accepted ?? 0
}

/** VmRSS, as Linux counts it: https://www.man7.org/linux/man-pages/man5/proc_pid_status.5.html */
async function residentMegabytes(pid: number): Promise<number> {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
  if (kilobytes === undefined) throw new Error(`There is no resident size of process ${pid}.`)
  return Number(kilobytes) / 1024
}
