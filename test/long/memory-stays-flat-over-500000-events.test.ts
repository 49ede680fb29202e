import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { TypedInput } from '../../src/events/publisher-input.ts'
import { Platform } from '../support/platform.ts'
import type { Daemon } from '../support/daemon.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { residentMemory } from '../support/resident-memory.ts'
import { scaled, writeLine } from './long-scale.ts'

/**
 * Of a hundred events: 6 sign-ups and 2 verifications (a mail each), 1 referral with its mail and recalculation, 1 reward, 90 without an
 * effect.
 */
const BATCH = 1_000
/** Published and not accepted yet, at most: a quarter of the run is to look like the others. */
const AHEAD = 20_000
const CAMPAIGNS = 20
const MEGABYTE = 2 ** 20
/** What may be live after the second half beyond what was after the first, in megabytes. With what differs anyway, a leak of 29 bytes an event shows. */
const LEAK = 4
/** Connections that are kept for a while, and what ends late, differ by up to 3 MB. */
const COLLECTIONS = 3
const BETWEEN_MS = 3_000
/** What is resident also depends on when V8 collects buffers, 10 to 70 MB of them, and on what malloc keeps. Megabytes. */
const BUFFERS = 80

/** In megabytes: the most that was resident in each quarter of the half, and what is resident and live once all is sent and collected. */
interface Half {
  readonly most: readonly [number, number]
  readonly resident: number
  readonly live: number
}

test('memory stays flat over 500,000 events: after the second half at most 4 MB more are live than after the first', async () => {
  await using fixture = await createFixture({ smtp: { keepMails: 100 }, webhooks: { keepCalls: 100 } })
  const quarter = scaled(125, 5) * BATCH
  const next = await plan(fixture)
  const daemon = fixture.daemon({ LOG_LEVEL: 'info' }, { collecting: true })
  await daemon.ready()

  let published = 0
  let seconds = 0
  /** Resolves once so many are accepted, to the most that was resident meanwhile. */
  async function publishedUpTo(total: number): Promise<number> {
    let most = 0
    for (;;) {
      const accepted = await acceptedOf(fixture)
      if (accepted >= total) return most
      if (published < total && published - accepted < AHEAD) {
        await fixture.publisher.publishMany(next())
        published += BATCH
      }
      most = Math.max(most, (await residentMemory(daemon.pid)).now)
      if (published - accepted >= AHEAD || published >= total) await pause(100)
    }
  }
  async function half(): Promise<Half> {
    const began = performance.now()
    const most = [await publishedUpTo(published + quarter), await publishedUpTo(published + quarter)] as const
    await fixture.drained(300_000)
    seconds += (performance.now() - began) / 1000
    return { most, ...(await leastOf(daemon)) }
  }
  const [first, second] = [await half(), await half()]

  writeLine(
    `${published} events in ${seconds.toFixed(0)} s (${Math.round(published / seconds)} a second), ${fixture.smtp.counters.mails} mails, ${fixture.webhooks.calls.length} webhooks kept`,
  )
  const most = [...first.most, ...second.most].map((megabytes) => megabytes.toFixed(0)).join(', ')
  const left = [first, second].map(({ live, resident }) => `${live.toFixed(1)} of ${resident.toFixed(0)}`).join(', ')
  writeLine(`resident by quarter: at most ${most} MB; live after each half: ${left} MB`)
  expect(second.live).toBeLessThanOrEqual(first.live + LEAK)
  expect(second.resident).toBeLessThanOrEqual(first.resident * 1.25)
  expect(second.most[1]).toBeLessThanOrEqual(first.most[1] + BUFFERS)
  // Nothing may pile up while events come and vanish once they stop.
  expect(second.most[1]).toBeLessThanOrEqual(second.most[0] + BUFFERS)
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

/** What is resident and live at least, after any of several collections. */
async function leastOf(daemon: Daemon): Promise<Pick<Half, 'resident' | 'live'>> {
  const found: NodeJS.MemoryUsage[] = []
  for (let collection = 0; collection < COLLECTIONS; collection++) {
    if (collection > 0) await pause(BETWEEN_MS)
    found.push(await daemon.collect())
  }
  const least = (of: (usage: NodeJS.MemoryUsage) => number) => Math.min(...found.map(of)) / MEGABYTE
  return { resident: least(({ rss }) => rss), live: least(({ heapUsed, external }) => heapUsed + external) }
}
