import { randomUUID } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import { insertIntents } from '../contract/postgres/intent-rows.ts'
import { contentHashOfInput } from '../../src/events/publisher.ts'
import { migratedDatabase } from '../support/migrated-database.ts'
import { Platform } from '../support/platform.ts'
import { runWorkerctl } from './workerctl-fixture.ts'

test('explain shows what happened to an event in each group, to a person and to a reward', async () => {
  const db = await migratedDatabase()
  try {
    const explain = (...args: string[]) =>
      runWorkerctl(['explain', ...args], { KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DATABASE_URL: db.url })
    const platform = new Platform(db.sql)
    const campaign = await platform.campaign()
    const { userId, email } = await platform.person(campaign)
    const rewardId = await platform.reward(campaign, { method: 'manual' })
    const [userRewardId, unread] = [await platform.earned(campaign, rewardId, userId), await platform.earned(campaign, rewardId, userId)]
    const eventId = randomUUID()
    await db.sql.query(
      `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome, effects)
       SELECT g, $1, 'reward.earned', '\\x00', 't', 2, 9, 'accepted', '{m,r}' FROM unnest('{email-workers,reward-workers}'::text[]) AS g`,
      [eventId],
    )
    const row = { campaign_id: campaign.campaignId, user_id: userId, event_id: eventId }
    await insertIntents(
      db.sql,
      {
        ...row,
        group_name: 'email-workers',
        key: 'm',
        data: { type: 'reward_earned', user_reward_id: userRewardId },
        reason: 'awaiting-row',
      },
      {
        ...row,
        group_name: 'reward-workers',
        kind: 'reward',
        channel: 'webhook',
        key: 'r',
        data: { user_reward_id: userRewardId },
        state: 'skipped',
        reason: 'manual',
        finished_at: new Date(),
      },
    )

    const event = (await explain('--event', eventId)).out
    for (const text of [
      'email-workers read it (reward.earned) from partition 2, offset 9',
      `email-workers 1, mail reward_earned by email for person ${userId}: pending (awaiting-row), due at`,
      `reward-workers 2, reward by webhook for person ${userId}: skipped (manual) at`,
      'position-workers does not handle events of this type.',
    ])
      expect(event).toContain(text)
    const never = await explain('--event', randomUUID())
    expect(never).toMatchObject({ code: 0, out: expect.stringMatching(/^The event \S+ has not arrived: [^\n]*$/) })
    const unreadable = randomUUID()
    await db.sql.query(
      `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", event_id, type, reason) VALUES ('email-workers', 't', 1, 7, $1, 'user.signed_up', 'invalid-data')`,
      [unreadable],
    )
    expect((await explain('--event', unreadable)).out).toMatch(
      /email-workers read it \(user\.signed_up\) from partition 1, offset 7, at .*\(invalid-data\)\./,
    )

    const reward = (await explain('--reward', userRewardId)).out
    expect(reward).toContain(`Reward ${userRewardId} of person ${userId} is earned, to be delivered by manual; 0 attempts so far.`)
    expect(reward).toContain('rewards with the method manual are delivered by hand')
    expect(reward).toContain('skipped (manual)')
    const neverRead = (await explain('--reward', unread)).out
    expect(neverRead).toContain('No reward.earned event is on record')
    // The only events of this type on record have ids that are not made from what happened.
    expect(neverRead).toMatch(
      /^No (?:reward|mail about the reward): the event reward\.earned of .* has not arrived in .*, and its publisher, which chooses the ids of such events, publishes/,
    )
    expect(await explain('--reward', randomUUID())).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('nothing is delivered without one'),
    })

    const person = JSON.parse((await explain('--user', userId, '--json')).out)
    expect(person.entries.flatMap((one: { what: string; id: string }) => (one.what === 'intent' ? [one.id] : [])).toSorted()).toEqual([
      '1',
      '2',
    ])
    expect(JSON.stringify(person)).not.toContain(email)
    expect(await explain('--user', randomUUID())).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^Nothing is on record: /) })
    expect(await explain('--campaign', randomUUID())).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^There is no campaign /),
    })

    // Of the platform's own columns alone, as after forget; of an edited copy under its own id; and under a pause.
    const lineOf = async (...args: string[]) => (await explain(...args)).out.split('\n')[0]
    const ada = await platform.person(campaign, { verified_at: null })
    expect(await lineOf('--user', ada.userId)).toMatch(/^No welcome mail: the event user\.signed_up of .* has not arrived in email-workers/)
    expect(await lineOf('--event', ada.userId)).toBe(
      `${ada.userId} is the id of a person, not of an event: workerctl timeline --user ${ada.userId} explains it.`,
    )
    await db.sql.query(`INSERT INTO worker.pauses (scope, target, owner, reason) VALUES ('group', 'email-workers', 'ops', 'relay move')`)
    const paused =
      /^No welcome mail yet: email-workers has no record of the event .*, and group email-workers is paused by ops \(relay move\)/
    expect(await lineOf('--user', ada.userId)).toMatch(paused)
    expect(await lineOf('--campaign', campaign.campaignId)).toMatch(
      /^1 of its intents waits, and its events wait unread in the log: group email-workers is paused by ops/,
    )
    expect((await explain('--user', ada.userId)).out).not.toContain('No intent names')
    await db.sql.query(`UPDATE worker.pauses SET scope = 'channel', target = 'email'`)
    expect(await lineOf('--campaign', campaign.campaignId)).toMatch(/^1 of its intents waits: the email channel is paused by ops/)
    expect((await explain('--event', eventId)).out).toContain(
      'The mail about the reward waits: the email channel is paused by ops (relay move)',
    )
    await db.sql.query(`UPDATE worker.pauses SET scope = 'destination', target = 'endpoint 7'`)
    await db.sql.query(`UPDATE worker.intents SET destination = 'endpoint 7' WHERE key = 'm'`)
    expect(await lineOf('--campaign', campaign.campaignId)).toMatch(/^1 of its intents waits: destination endpoint 7 is paused by ops/)
    await db.sql.query(`UPDATE worker.intents SET destination = NULL`)
    await db.sql.query(`UPDATE worker.pauses SET ended_at = now()`)
    await db.sql.query(
      `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome)
       VALUES ('email-workers', $1, 'user.signed_up', $2, 't', 2, 10, 'accepted')`,
      ['7d8f6a10-1c52-5b9e-8a7d-0d4c3b2a1f60', contentHashOfInput({ type: 'user.signed_up', ...campaign, ...ada })],
    )
    expect(await lineOf('--user', ada.userId)).toMatch(/^No mail and no reward was due/)
    await db.sql.query(
      `INSERT INTO email_logs (id, campaign_id, user_id, recipient_email, subject, type, status, sent_at) VALUES ($1, $2, $3, '', '', 'welcome', 'sent', now())`,
      [randomUUID(), campaign.campaignId, ada.userId],
    )
    expect(await lineOf('--user', ada.userId)).toMatch(
      /^The newest mail in email_logs is a welcome mail, sent .*; no intent of it is on record/,
    )

    expect((await explain()).err).toBe('Give exactly one of --user, --email, --event, --campaign and --reward.')
    expect((await explain('--user', userId, '--event', eventId)).code).toBe(1)
  } finally {
    await db.close()
  }
})
