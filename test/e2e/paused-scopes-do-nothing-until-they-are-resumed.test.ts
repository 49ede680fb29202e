import { expect, test } from 'vitest'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { follows, pausesOf, statusOf } from '../support/pauses.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import type { PauseTarget } from '../../src/model/pause.ts'

interface Situation {
  readonly fixture: Fixture
  readonly platform: Platform
  readonly campaign: Campaign
  readonly other: Campaign
}

/** What a pause stops, and what goes on beside it: publishing, and how many effects there were. */
interface Scenario {
  readonly target: PauseTarget
  /** Publishes some of both. */
  publish(): Promise<void>
  held(): Promise<number> | number
  free(): Promise<number> | number
  /** How many effects of both all that was published has. */
  wanted(): Promise<readonly [held: number, free: number]> | readonly [held: number, free: number]
  /** Of `/status`, where the pause shows as the verdict of a group. */
  readonly verdictOf?: string
}

const countOf = async ({ sql }: Fixture, from: string, values: readonly unknown[] = []) =>
  (await sql.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${from}`, values))[0]?.count ?? 0
const outcomesOf = (fixture: Fixture, group: string, more = '') =>
  countOf(fixture, `worker.outcomes WHERE group_name = $1 ${more}`, [fixture.group(group)])

/** Sign-ups of new people, and the mails that they have got. */
function signUps({ fixture, platform }: Situation) {
  const addresses: string[] = []
  return {
    async publish(campaign: Campaign): Promise<void> {
      const person = await platform.person(campaign)
      addresses.push(person.email)
      await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
    },
    mails: () => fixture.smtp.mails.flatMap(({ recipients }) => recipients).filter((address) => addresses.includes(address)).length,
    people: () => addresses.length,
  }
}

/** Verified referrals, which two groups accept. */
function referrals({ fixture, platform }: Situation) {
  let published = 0
  return {
    async publish(campaign: Campaign): Promise<void> {
      const [{ userId: referrerId }, { userId: referredId }] = [await platform.person(campaign), await platform.person(campaign)]
      const referralId = await platform.referral(campaign, referrerId, referredId)
      published += 1
      await fixture.publisher.publishReferralVerified({ ...campaign, referralId, referrerId, referredId, pointsPerReferral: 1 })
    },
    published: () => published,
  }
}

/** Rewards that are delivered to an endpoint of their own. */
async function webhookRewards({ fixture, platform }: Situation, campaign: Campaign, path: string) {
  const endpoint = fixture.webhooks.endpoint(path)
  const endpointId = await platform.webhook(campaign, endpoint.url, endpoint.secret)
  const rewardId = await platform.reward(campaign, { method: 'webhook', webhookUrl: endpoint.url })
  let published = 0
  return {
    endpointId,
    async publish(): Promise<void> {
      const { userId } = await platform.person(campaign)
      const userRewardId = await platform.earned(campaign, rewardId, userId)
      published += 1
      await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId })
    },
    calls: () => fixture.webhooks.calls.filter((call) => call.path === path).length,
    published: () => published,
  }
}

const scenarios: Readonly<Record<PauseTarget['scope'], (of: Situation) => Promise<Scenario>>> = {
  async group(of) {
    const group = of.fixture.group('email-workers')
    const verified = referrals(of)
    return {
      target: { scope: 'group', group, target: group },
      publish: () => verified.publish(of.campaign),
      held: () => outcomesOf(of.fixture, 'email-workers'),
      free: () => outcomesOf(of.fixture, 'position-workers'),
      wanted: () => [verified.published(), verified.published()],
      verdictOf: group,
    }
  },
  async partition(of) {
    const group = of.fixture.group('email-workers')
    const verified = referrals(of)
    return {
      target: { scope: 'partition', group, target: '1' },
      async publish() {
        for (let campaigns = 0; campaigns < 6; campaigns++) await verified.publish(await of.platform.campaign())
        // By then it is known where they went.
        await eventually('another group has accepted them', async () => {
          const accepted = await outcomesOf(of.fixture, 'position-workers')
          return accepted === verified.published() || `${accepted} of ${verified.published()}`
        })
      },
      held: () => outcomesOf(of.fixture, 'email-workers', 'AND partition = 1'),
      free: () => outcomesOf(of.fixture, 'email-workers', 'AND partition = 0'),
      wanted: async () => [
        await outcomesOf(of.fixture, 'position-workers', 'AND partition = 1'),
        await outcomesOf(of.fixture, 'position-workers', 'AND partition = 0'),
      ],
      verdictOf: group,
    }
  },
  async channel(of) {
    const people = signUps(of)
    const rewards = await webhookRewards(of, of.campaign, '/free')
    return {
      target: { scope: 'channel', group: null, target: 'email' },
      publish: async () => {
        await people.publish(of.campaign)
        await rewards.publish()
      },
      held: people.mails,
      free: rewards.calls,
      wanted: () => [people.people(), rewards.published()],
      verdictOf: of.fixture.group('email-workers'),
    }
  },
  async campaign(of) {
    const [held, free] = [signUps(of), signUps(of)]
    return {
      target: { scope: 'campaign', group: null, target: of.campaign.campaignId },
      publish: async () => {
        await held.publish(of.campaign)
        await free.publish(of.other)
      },
      held: held.mails,
      free: free.mails,
      wanted: () => [held.people(), free.people()],
    }
  },
  async type(of) {
    const people = signUps(of)
    const rewards = await webhookRewards(of, of.campaign, '/free')
    return {
      target: { scope: 'type', group: of.fixture.group('email-workers'), target: 'user.signed_up' },
      publish: async () => {
        await people.publish(of.campaign)
        await rewards.publish()
      },
      held: people.mails,
      free: rewards.calls,
      wanted: () => [people.people(), rewards.published()],
    }
  },
  async destination(of) {
    const [held, free] = [await webhookRewards(of, of.campaign, '/held'), await webhookRewards(of, of.other, '/free')]
    return {
      target: { scope: 'destination', group: null, target: held.endpointId },
      publish: async () => {
        await held.publish()
        await free.publish()
      },
      held: held.calls,
      free: free.calls,
      wanted: () => [held.published(), free.published()],
    }
  },
}

async function made(scenario: Scenario): Promise<void> {
  await eventually('every effect is made', async () => {
    const [done, wanted] = [[await scenario.held(), await scenario.free()], await scenario.wanted()]
    return (done[0] === wanted[0] && done[1] === wanted[1]) || `${done.join(', ')} of ${wanted.join(', ')}`
  })
}

/** Publishes, and waits until all that is not paused is done and has been for a few polls of everything. */
async function onlyFree(scenario: Scenario, { fixture }: Situation, daemon: Daemon): Promise<void> {
  const before = await scenario.held()
  await scenario.publish()
  await eventually('what is not paused goes on', async () => {
    const [done, [, wanted]] = [await scenario.free(), await scenario.wanted()]
    return done === wanted || `${done} of ${wanted}`
  })
  const { verdictOf } = scenario
  await eventually('the verdict names the pause', async () => {
    if (verdictOf === undefined) return true
    const verdict = (await statusOf(daemon)).groups[verdictOf]?.verdict
    return (verdict?.word === 'paused' && verdict.sentence.includes('paused by ops (test) until it is resumed')) || JSON.stringify(verdict)
  })
  expect(await scenario.held()).toBe(before)
  // Intents that are held were never attempted.
  expect(await countOf(fixture, `worker.intents WHERE state = 'pending' AND attempt > 0`)).toBe(0)
}

test.each(['group', 'partition', 'channel', 'destination', 'campaign', 'type'] as const)(
  'a paused %s does nothing from the start on and after a restart; resumed and paused again, all is done once',
  async (scope) => {
    await using fixture = await createFixture({ partitions: 2 })
    const platform = new Platform(fixture.sql)
    const situation = { fixture, platform, campaign: await platform.campaign(), other: await platform.campaign() }
    const scenario = await scenarios[scope](situation)
    const pauses = pausesOf(fixture)

    await pauses.begin(scenario.target)
    const first = fixture.daemon()
    await first.ready()
    await onlyFree(scenario, situation, first)
    expect(await scenario.held()).toBe(0)
    const { pauses: listed } = await statusOf(first)
    expect(listed).toEqual([expect.objectContaining({ ...scenario.target, owner: 'ops', because: 'test', until: null })])
    const ready = await fetch(`${first.url()}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([200, expect.objectContaining({ checks: expect.objectContaining({ pauses: expect.objectContaining({ ok: true, reason: 'paused' }) }) })]) // prettier-ignore
    expect((await fetch(`${first.url()}/livez`)).status).toBe(200)
    expect(await first.metrics()).toContain(`kafka_worker_pauses{scope="${scope}"} 1`)

    first.kill('SIGTERM')
    expect(await first.exited).toBe(0)
    const second = fixture.daemon()
    await second.ready()
    await onlyFree(scenario, situation, second)
    expect(await scenario.held()).toBe(0)

    await pauses.end(scenario.target, 'ops')
    await made(scenario)
    await follows(second, 0)
    await pauses.begin(scenario.target)
    await follows(second, 1)
    await onlyFree(scenario, situation, second)
    await pauses.end(scenario.target, 'ops')
    await made(scenario)
    await fixture.drained()
    const [held, free] = await scenario.wanted()
    expect([await scenario.held(), await scenario.free()]).toEqual([held, free])
    expect(await countOf(fixture, 'worker.intents WHERE attempt > 1')).toBe(0)
  },
)
