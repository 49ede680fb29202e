import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { contentHashOfInput, eventIdOfInput } from '../../src/events/publisher.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import { createWorkerctlFixture } from './workerctl-fixture.ts'

test('reconcile includes a group that runs only when named, for facts since its first outcome', async () => {
  await using s = await createWorkerctlFixture()
  const { sql } = s.database
  const platform = new Platform(sql)
  const campaign: Campaign = await platform.campaign()
  const group = `${s.prefix}analytics-workers`
  await s.progress([1])
  await sql.query(`INSERT INTO worker.progress (group_name, topic, partition, next_offset, exempt_below) VALUES ($1, $2, 0, 1, 0)`, [
    group,
    s.topic,
  ])
  for (const [name, hours] of [
    [s.group, 4],
    [group, 2],
  ] as const) {
    await sql.query(
      `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome, at)
       VALUES ($1, $2, 'campaign.milestone_reached', '\\x00', $3, 0, 0, 'accepted', $4)`,
      [name, randomUUID(), s.topic, hoursAgo(hours)],
    )
  }
  await platform.person(campaign, { created_at: hoursAgo(3), verified_at: null })
  const ada = await platform.person(campaign, { created_at: hoursAgo(1), verified_at: null })
  const ben = await platform.person(campaign, { created_at: hoursAgo(1), verified_at: null })
  const referralId = await platform.referral(campaign, ada.userId, ben.userId)
  await sql.query(`UPDATE referrals SET created_at = $2, status = 'pending', verified_at = NULL WHERE id = $1`, [referralId, hoursAgo(1)])

  const missing = (type: string, name: string, count: number) => ({ type, campaignId: campaign.campaignId, group: name, count })
  const named = await s.workerctl(['reconcile', '--json'], { environment: { KAFKA_GROUPS: 'email-workers,analytics-workers' } })
  expect(JSON.parse(named.out).uncovered).toEqual([
    missing('user.signed_up', s.group, 3),
    missing('user.signed_up', group, 2),
    missing('referral.created', group, 1),
  ])
  const unnamed = await s.workerctl(['reconcile', '--json'])
  expect(JSON.parse(unnamed.out)).toMatchObject({ uncovered: [missing('user.signed_up', s.group, 3)], notCompared: [group] })
  expect((await s.workerctl(['reconcile'])).out).toMatch(
    /^Checked 3 user\.signed_up, 0 user\.verified, 0 referral\.verified, 0 reward\.earned, from /,
  )
  const sentence = `${group} has progress but is not compared, because KAFKA_GROUPS does not name it: include analytics-workers there if it runs.`
  expect((await s.workerctl(['reconcile'])).out).toContain(sentence)
  expect(JSON.parse(named.out).notCompared).toEqual([])

  // The fact of ada under another id, as an edited copy has: of the group that accepted it, nothing is missing.
  await sql.query(
    `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome)
     VALUES ($1, $2, 'user.signed_up', $3, $4, 0, 1, 'accepted')`,
    [s.group, '7d8f6a10-1c52-5b9e-8a7d-0d4c3b2a1f60', contentHashOfInput({ type: 'user.signed_up', ...campaign, ...ada }), s.topic],
  )
  expect(JSON.parse((await s.workerctl(['reconcile', '--json'])).out).uncovered).toEqual([missing('user.signed_up', s.group, 2)])

  // Facts that may be among the records which the group has not read are not compared.
  await s.produce(0, 2, hoursAgo(2))
  await sql.query(`INSERT INTO worker.pauses (scope, group_name, target, owner, reason) VALUES ('group', $1, $1, 'ops', 'relay move')`, [
    s.group,
  ])
  const behind = JSON.parse((await s.workerctl(['reconcile', '--json', '--until', new Date().toISOString()])).out)
  expect(behind).toMatchObject({ behind: [{ group: s.group }], uncovered: [missing('user.signed_up', s.group, 1)] })
  expect((await s.workerctl(['reconcile'])).out).toMatch(
    new RegExp(
      `\\n${s.group} has unread records since \\S+ \\(group ${s.group} is paused by ops .*\\): facts from 5 minutes before that on are not compared`,
    ),
  )
  await sql.query(`UPDATE worker.progress SET next_offset = 2 WHERE group_name = $1`, [s.group])
  await sql.query(
    `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", event_id, type, reason, state) VALUES ($1, $2, 0, 1, $3, 'user.signed_up', 'invalid-data', 'discarded')`,
    [s.group, s.topic, eventIdOfInput({ type: 'user.signed_up', ...campaign, ...ben })],
  )
  const decided = JSON.parse((await s.workerctl(['reconcile', '--json'])).out)
  expect(decided).toMatchObject({ behind: [], deadLetters: 1, uncovered: [missing('user.signed_up', s.group, 1)] })

  await sql.query('DELETE FROM worker.progress WHERE group_name = $1', [s.group])
  expect((await s.workerctl(['reconcile'])).err).toBe(
    `No group has progress in this database but ${group}, not named in KAFKA_GROUPS: include analytics-workers there.`,
  )
})

function hoursAgo(hours: number): Date {
  return new Date(Date.now() - hours * 3_600_000)
}
