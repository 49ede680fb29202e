import { expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { topicTool } from '../support/faults/topic-tool.ts'
import { firstLines } from '../support/operator-status.ts'
import { nothingIsWrong, runFix } from '../support/planted-incident.ts'
import { Platform } from '../support/platform.ts'
import { printedCommands } from '../support/printed-commands.ts'
import { refusalOf } from '../support/refusal.ts'
import { workerctlFor } from '../support/workerctl-for.ts'
import { createFixture } from '../support/fixture.ts'

const groups = ['email-workers', 'reward-workers'] as const

test('a recreated topic stops its groups and is reported until the operator decides; people without their effects are found and mailed once', async () => {
  await using fixture = await createFixture({ groups, partitions: 1 })
  await using tool = await topicTool(inject('kafkaBootstrap'))
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const publish = async (people: number) =>
    fixture.publisher.publishMany(
      (await platform.crowd(campaign, people)).map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })),
    )
  const mailed = (count: number) =>
    eventually('they are mailed', () => fixture.smtp.counters.mails === count || String(fixture.smtp.counters.mails))
  const daemon = fixture.daemon()
  await daemon.ready()
  await publish(5)
  await mailed(5)
  await eventually('every row is at the end', async () => {
    const rows = await fixture.sql.query<{ next: string }>('SELECT next_offset AS next FROM worker.progress')
    return rows.every(({ next }) => next === '5') || JSON.stringify(rows)
  })

  // A sign-up and a reward that are lost: their events are published but not read before the topic is deleted.
  daemon.kill('SIGTSTP')
  await eventually('it is quiet', async () => (await (await fetch(`${daemon.url()}/readyz`)).text()).includes('quiet') || 'not yet')
  await publish(3)
  const reward = await platform.reward(campaign, { method: 'email' })
  const earned = async (userId: string) => {
    const userRewardId = await platform.earned(campaign, reward, userId)
    return { type: 'reward.earned' as const, ...campaign, userRewardId, userId, rewardId: reward }
  }
  const winner = await platform.person(campaign)
  await fixture.publisher.publishMany([await earned(winner.userId)])
  await tool.deleteTopic(fixture.topic)
  daemon.kill('SIGCONT')
  await eventually('it is recreated', async () => {
    // A topic that was created although the reply came too late exists at the next attempt.
    await fixture.admin.createTopic({ name: fixture.topic, partitions: 1 })
    return (await fixture.admin.ranges(fixture.topic)).get(0)?.high === 0n || 'it has no leader yet'
  })
  const sentences = async () => {
    const response = await fetch(`${daemon.url()}/readyz`)
    const checks: unknown = JSON.parse(await response.text())
    return { status: response.status, text: JSON.stringify(checks) }
  }
  const sentencesToBe = groups.map((name) => {
    const group = fixture.group(name)
    return `opic ${fixture.topic} was deleted and recreated since group ${group} read it up to offset 5 of partition 0: unread records of the old topic are lost, and records of the new one have not been read; decide with: npm run workerctl -- offsets reset --group ${group} --to earliest --accept-loss`
  })
  await eventually('readiness names both groups while it is empty', async () => {
    const { status, text } = await sentences()
    return (status === 503 && sentencesToBe.every((sentence) => text.includes(sentence))) || text
  })
  expect((await fetch(`${daemon.url()}/livez`)).status).toBe(200)
  expect(JSON.parse(await (await fetch(`${daemon.url()}/status`)).text())).toMatchObject({
    groups: { [fixture.group('email-workers')]: { state: 'refused', verdict: { word: 'stopped', sentence: `T${sentencesToBe[0]}.` } } },
  })

  // As many as were read: by the offsets alone, nothing would be wrong.
  await publish(5)
  expect(await refusalOf(fixture.daemon())).toEqual(`T${sentencesToBe.join('; t')}.`)
  expect(fixture.smtp.counters.mails).toBe(5)

  // The first lines of `workerctl status` and readiness print the same commands.
  const lines = (await firstLines(fixture)).slice(0, 2)
  const recreated = (name: (typeof groups)[number]) => expect.stringMatching(new RegExp(`^Topic ${fixture.topic} was recreated since ${fixture.group(name)} read it: unread records of the old one are lost`)) // prettier-ignore
  expect(lines).toEqual(groups.map(recreated))
  expect(new Set(lines.flatMap(printedCommands))).toEqual(new Set(printedCommands((await sentences()).text)))
  for (const line of lines) await runFix(fixture, line)
  await daemon.ready()
  await mailed(10)
  expect(daemon.lines.filter(({ msg }) => msg === 'group stopped')).toHaveLength(2)
  expect(daemon.lines.filter(({ msg }) => msg === 'group restarted')).toHaveLength(2)

  // Neither the winner's sign-up nor anybody's verification was ever published; the sign-up counts, as a fact without an outcome.
  const until = ['--until', new Date(Date.now() + 60_000).toISOString()]
  await eventually('every group has read everything', async () => {
    const { code, err } = await workerctlFor(fixture, 'reconcile', ...until)
    return code === 0 || err
  })
  const found: unknown = JSON.parse((await workerctlFor(fixture, 'reconcile', ...until, '--json')).out)
  const { campaignId } = campaign
  const missing = (type: string, name: (typeof groups)[number], count: number) => ({ type, campaignId, group: fixture.group(name), count })
  expect(found).toMatchObject({
    facts: { 'user.signed_up': 4, 'user.verified': 0, 'referral.verified': 0, 'reward.earned': 1 },
    uncovered: [
      missing('user.signed_up', 'email-workers', 4),
      missing('reward.earned', 'email-workers', 1),
      missing('reward.earned', 'reward-workers', 1),
    ],
    undecidable: [],
    published: 0,
    applied: false,
  })
  expect(fixture.smtp.counters.mails).toBe(10)
  const reported = await workerctlFor(fixture, 'reconcile', ...until, '--publish', '--yes')
  expect(reported).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Done: 5 published.') })
  // Four welcomes, the winner's notification, and the reward itself.
  await mailed(16)
  await eventually('all is on record', async () => {
    const again = await workerctlFor(fixture, 'reconcile', ...until, '--publish', '--yes')
    return again.out.includes('Nothing to publish: every fact that can be compared has an outcome.') || again.out
  })
  const welcomes = fixture.smtp.mails.filter(({ recipients }) => recipients[0] !== winner.email).map(({ recipients }) => recipients[0])
  expect(new Set(welcomes).size).toBe(13)
  await nothingIsWrong(fixture)
  expect(fixture.smtp.counters.mails).toBe(16)
})
