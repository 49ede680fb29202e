import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('a start or an outcome that the tables of the platform reject fails that intent, names the table, and affects no others', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const { sql, publisher, smtp } = fixture
  const platform = new Platform(sql)
  const campaign = await platform.campaign()
  await sql.query(
    `CREATE FUNCTION refuse_some() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF TG_OP = 'INSERT' AND NEW.recipient_email LIKE 'start-%' OR TG_OP = 'UPDATE' AND NEW.recipient_email LIKE 'end-%' AND NEW.status = 'sent'
         THEN RAISE EXCEPTION 'not %', NEW.recipient_email; END IF;
       RETURN NEW; END $$`,
  )
  await sql.query('CREATE TRIGGER refuse_some BEFORE INSERT OR UPDATE ON email_logs FOR EACH ROW EXECUTE FUNCTION refuse_some()')
  await sql.query(`ALTER TABLE user_rewards ADD CONSTRAINT never_tried CHECK (delivery_attempts = 0) NOT VALID`)
  const recipients: string[] = []
  smtp.onMail((mail) => recipients.push(...mail.recipients))
  const daemon = fixture.daemon()
  await daemon.ready()

  const people = await Promise.all(
    ['start-1', 'end-1', 'plain-1', 'plain-2'].map((name) => platform.person(campaign, { email: `${name}@example.com` })),
  )
  for (const { userId, email } of people) await publisher.publishUserSignedUp({ ...campaign, userId, email })
  const rewardId = await platform.reward(campaign, { method: 'email' })
  const earner = people[2]
  if (earner === undefined) throw new Error('There are people.')
  const userRewardId = await platform.earned(campaign, rewardId, earner.userId)
  await publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId: earner.userId })

  const mail = "the platform's tables refused it: SQLSTATE P0001, raised by refuse_some"
  const rows = () =>
    sql.query<{ who: string; state: string; reason: string | null; detail: string | null; attempt: number }>(
      `SELECT i.kind || ' ' || u.email AS who, i.state, i.reason, i.detail, i.attempt
         FROM worker.intents i JOIN waitlist_users u ON u.id = i.user_id ORDER BY 1`,
    )
  const others = ['plain-1', 'plain-1', 'plain-2'].map((name) => ({
    who: `mail ${name}@example.com`,
    state: 'sent',
    reason: null,
    detail: null,
    attempt: 1,
  }))
  const ended = { who: 'mail end-1@example.com', state: 'sent', reason: 'end-refused', detail: mail, attempt: 1 }
  const startDetail = 'SQLSTATE P0001, raised by refuse_some'
  const checkDetail = 'SQLSTATE 23514, constraint never_tried, table user_rewards'
  await eventually('all have been tried', async () => {
    const seen = await rows()
    return (seen.length === 6 && seen.every(({ reason, state }) => reason !== null || state === 'sent')) || JSON.stringify(seen)
  })
  const [, , , , refusedMail, refusedReward] = await rows()
  expect(await rows()).toMatchObject([
    ended,
    ...others,
    { state: 'pending', reason: 'start-refused', detail: startDetail, attempt: 1 },
    { state: 'pending', reason: 'start-refused', detail: checkDetail, attempt: 1 },
  ])
  expect([refusedMail?.who, refusedReward?.who]).toEqual(['mail start-1@example.com', 'reward plain-1@example.com'])

  // As if all of the schedule but the last try were over.
  await sql.query(`UPDATE worker.intents SET attempt = 9, due_at = now() WHERE reason = 'start-refused' AND state = 'pending'`)
  await eventually('they have ended', async () => {
    const open = (await rows()).filter(({ state }) => state === 'pending' || state === 'claimed')
    return open.length === 0 || JSON.stringify(open)
  })
  expect((await rows()).slice(4)).toMatchObject([
    { state: 'dead', reason: 'start-refused', detail: startDetail },
    { state: 'dead', reason: 'start-refused', detail: checkDetail },
  ])
  expect(recipients.toSorted()).toEqual(['end-1', 'plain-1', 'plain-1', 'plain-2'].map((name) => `${name}@example.com`))
  expect(JSON.stringify(daemon.lines)).not.toMatch(/(start|end)-1@/)
})
