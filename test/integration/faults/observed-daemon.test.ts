import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import type { Failpoints } from '../../support/faults/failpoints.ts'
import { Platform } from '../../support/platform.ts'
import { createFixture, type Fixture } from '../../support/fixture.ts'

/** What there is of one sign-up at each kill point: read by the group, on record, reported to Kafka, at the relay, its mail's state. */
const killPoints = [
  { at: { fact: 'fetched' }, accepted: false, committed: false, mails: 0, mail: undefined },
  { at: { fact: 'accepted' }, accepted: true, committed: false, mails: 0, mail: expect.stringMatching(/^(?:pending|claimed)$/) },
  { at: { fact: 'committing', offset: 1 }, accepted: true, committed: false, mails: expect.any(Number), mail: expect.any(String) },
  {
    at: { fact: 'started', channel: 'email', kind: 'mail' },
    accepted: true,
    committed: expect.any(Boolean),
    mails: 0,
    mail: 'handing_over',
  },
  { at: { fact: 'performed', outcome: 'done' }, accepted: true, committed: expect.any(Boolean), mails: 1, mail: 'handing_over' },
  { at: { fact: 'settled', channel: 'email' }, accepted: true, committed: expect.any(Boolean), mails: 1, mail: 'sent' },
] as const

test.each(killPoints)('a daemon killed at $at.fact has done what precedes it and nothing after it', async ({ at, ...expected }) => {
  await using fixture = await createFixture({ partitions: 1 })
  const daemon = await signUp(fixture, { killAt: { group: 'email-workers', ...at } })
  expect(await daemon.exited).toBe('SIGKILL')
  expect(daemon.other).toEqual([`observed: SIGKILL at ${at.fact} of ${fixture.group('email-workers')}`])
  expect(await worldOf(fixture)).toEqual(expected)
})

test('the third fact of a kind is distinguished from the first, and the reply to a webhook is not recorded when the daemon is killed there', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const endpoint = fixture.webhooks.endpoint('/rewards')
  await platform.webhook(campaign, endpoint.url, endpoint.secret)
  const rewardId = await platform.reward(campaign, { method: 'webhook', webhookUrl: endpoint.url })
  const daemon = fixture.daemon({ KAFKA_WORKER_POOL_SIZE: '1' }, { killAt: { fact: 'performed', channel: 'webhook', nth: 3 } })
  await daemon.ready()
  for (const { userId } of await platform.crowd(campaign, 5)) {
    const userRewardId = await platform.earned(campaign, rewardId, userId)
    await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId })
  }
  expect(await daemon.exited).toBe('SIGKILL')
  expect(fixture.webhooks.calls).toHaveLength(3)
  const delivered = await fixture.sql.query(`SELECT FROM worker.intents WHERE state = 'delivered'`)
  expect(delivered.length).toBeLessThan(3)
})

test('a daemon frozen at a fact does nothing until it is resumed, and then stops cleanly', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const daemon = await signUp(fixture, { killAt: { fact: 'started', channel: 'email', signal: 'SIGSTOP' } })
  await eventually('it says that it stops', () => daemon.other.length === 1 || 'not yet')
  await expect(fetch(`${daemon.url()}/livez`, { signal: AbortSignal.timeout(300) })).rejects.toThrow(/timeout/)
  expect(await worldOf(fixture)).toMatchObject({ mails: 0, mail: 'handing_over' })
  daemon.kill('SIGCONT')
  await fixture.drained()
  expect(await worldOf(fixture)).toMatchObject({ mails: 1, mail: 'sent' })
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
})

test('a stall blocks the whole process for its time, and then work continues', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const daemon = await signUp(fixture, { stallAt: { fact: 'accepted', group: 'email-workers', ms: 5_000 } })
  await eventually('it says that it stalls', () => daemon.other.length === 1 || 'not yet')
  await expect(fetch(`${daemon.url()}/livez`, { signal: AbortSignal.timeout(300) })).rejects.toThrow(/timeout/)
  await fixture.drained()
  expect(await worldOf(fixture)).toMatchObject({ mails: 1, mail: 'sent' })
})

test('a failpoint that is never reached changes nothing, and a refused start has the same exit code', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const never: Failpoints = { killAt: { fact: 'started', kind: 'nothing-like-it' } }
  const daemon = await signUp(fixture, never)
  await fixture.drained()
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expect(daemon.other).toEqual([])
  expect(await fixture.daemon({ MAIL_DEADLINE_MS: 'soon' }, never).exited).toBe(1)
})

/** A daemon that has read one sign-up, or died over it. */
async function signUp(fixture: Fixture, failpoints: Failpoints) {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const daemon = fixture.daemon({}, failpoints)
  await daemon.ready()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  return daemon
}

async function worldOf(fixture: Fixture) {
  const group = fixture.group('email-workers')
  const outcomes = await fixture.sql.query('SELECT FROM worker.outcomes WHERE group_name = $1', [group])
  const [intent] = await fixture.sql.query<{ state: string }>(`SELECT state FROM worker.intents WHERE channel = 'email'`)
  const committed = (await fixture.admin.committed(group, fixture.topic)).get(0) ?? 0n
  return { accepted: outcomes.length === 1, committed: committed > 0n, mails: fixture.smtp.counters.accepted, mail: intent?.state }
}
