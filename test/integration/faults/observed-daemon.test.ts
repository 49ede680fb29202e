import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import type { Moments } from '../../support/faults/moments.ts'
import { Platform } from '../../support/platform.ts'
import { setScene, type Scene } from '../../support/scene.ts'

/** What there is of one sign-up at each kill point: read by the group, on record, told to Kafka, at the relay, its mail's state. */
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

test.each(killPoints)('a daemon killed at $at.fact has done what comes before it and nothing behind it', async ({ at, ...expected }) => {
  await using scene = await setScene({ partitions: 1 })
  const daemon = await signUp(scene, { killAt: { group: 'email-workers', ...at } })
  expect(await daemon.exited).toBe('SIGKILL')
  expect(daemon.other).toEqual([`observed: SIGKILL at ${at.fact} of ${scene.group('email-workers')}`])
  expect(await worldOf(scene)).toEqual(expected)
})

test('the third of a kind is told from the first, and a webhook that was answered is not on record when the daemon is killed there', async () => {
  await using scene = await setScene({ partitions: 1 })
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const endpoint = scene.webhooks.endpoint('/rewards')
  await platform.webhook(campaign, endpoint.url, endpoint.secret)
  const rewardId = await platform.reward(campaign, { method: 'webhook', webhookUrl: endpoint.url })
  const daemon = scene.daemon({ KAFKA_WORKER_POOL_SIZE: '1' }, { killAt: { fact: 'performed', channel: 'webhook', nth: 3 } })
  await daemon.ready()
  for (const { userId } of await platform.crowd(campaign, 5)) {
    const userRewardId = await platform.earned(campaign, rewardId, userId)
    await scene.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId })
  }
  expect(await daemon.exited).toBe('SIGKILL')
  expect(scene.webhooks.calls).toHaveLength(3)
  const delivered = await scene.sql.query(`SELECT FROM worker.intents WHERE state = 'delivered'`)
  expect(delivered.length).toBeLessThan(3)
})

test('a daemon frozen at a fact goes no further until it is continued, and stops in order when it is asked', async () => {
  await using scene = await setScene({ partitions: 1 })
  const daemon = await signUp(scene, { killAt: { fact: 'started', channel: 'email', signal: 'SIGSTOP' } })
  await eventually('it says that it stops', () => daemon.other.length === 1 || 'not yet')
  await expect(fetch(`${daemon.url()}/livez`, { signal: AbortSignal.timeout(300) })).rejects.toThrow(/timeout/)
  expect(await worldOf(scene)).toMatchObject({ mails: 0, mail: 'handing_over' })
  daemon.kill('SIGCONT')
  await scene.settled()
  expect(await worldOf(scene)).toMatchObject({ mails: 1, mail: 'sent' })
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
})

test('a stall blocks the whole process for its time and then everything goes on', async () => {
  await using scene = await setScene({ partitions: 1 })
  const daemon = await signUp(scene, { stallAt: { fact: 'accepted', group: 'email-workers', ms: 1_500 } })
  await eventually('it says that it stalls', () => daemon.other.length === 1 || 'not yet')
  await expect(fetch(`${daemon.url()}/livez`, { signal: AbortSignal.timeout(300) })).rejects.toThrow(/timeout/)
  await scene.settled()
  expect(await worldOf(scene)).toMatchObject({ mails: 1, mail: 'sent' })
})

test('a moment that never comes changes nothing, and what is refused is refused with the same exit code', async () => {
  await using scene = await setScene({ partitions: 1 })
  const never: Moments = { killAt: { fact: 'started', kind: 'nothing-like-it' } }
  const daemon = await signUp(scene, never)
  await scene.settled()
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expect(daemon.other).toEqual([])
  expect(await scene.daemon({ MAIL_DEADLINE_MS: 'soon' }, never).exited).toBe(1)
})

/** A daemon that has read one sign-up, or died over it. */
async function signUp(scene: Scene, moments: Moments) {
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const daemon = scene.daemon({}, moments)
  await daemon.ready()
  await scene.publisher.publishUserSignedUp({ ...campaign, ...person })
  return daemon
}

async function worldOf(scene: Scene) {
  const group = scene.group('email-workers')
  const outcomes = await scene.sql.query('SELECT FROM worker.outcomes WHERE group_name = $1', [group])
  const [intent] = await scene.sql.query<{ state: string }>(`SELECT state FROM worker.intents WHERE channel = 'email'`)
  const committed = (await scene.admin.committed(group, scene.topic)).get(0) ?? 0n
  return { accepted: outcomes.length === 1, committed: committed > 0n, mails: scene.smtp.counters.accepted, mail: intent?.state }
}
