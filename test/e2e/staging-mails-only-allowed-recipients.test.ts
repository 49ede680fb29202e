import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('with MAIL_ALLOWED_RECIPIENTS only matching addresses get mail, and the start logs it', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const emails = ['ann@example.com', 'qa-1@example.org', 'real@example.org', 'ANN@EXAMPLE.COM.example.net', 'Bob@Example.Com']
  const people = await Promise.all(emails.map((email) => platform.person(campaign, { email })))
  const daemon = fixture.daemon({ MAIL_ALLOWED_RECIPIENTS: '*@example.com, QA-*@example.org' })
  await daemon.ready()
  expect(daemon.lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg)).toContainEqual(
    expect.stringContaining('MAIL_ALLOWED_RECIPIENTS is set'),
  )

  // The addresses in the events say nothing about where a mail goes.
  for (const { userId } of people) await fixture.publisher.publishUserSignedUp({ ...campaign, userId, email: 'any@example.com' })
  await fixture.publisher.publishCampaignMilestoneReached({ ...campaign, milestone: '5_participants', participantCount: 5 })
  await fixture.drained()
  const allowed = ['ann@example.com', 'qa-1@example.org', 'Bob@Example.Com']
  expect(fixture.smtp.mails.flatMap(({ recipients }) => recipients).sort()).toEqual([...allowed, ...allowed].sort())
  const skipped = await fixture.sql.query(
    `SELECT data->>'type' AS mail, count(*)::int AS count FROM worker.intents WHERE state = 'skipped' AND reason = 'not-allowed' GROUP BY 1 ORDER BY 1`,
  )
  expect(skipped).toEqual([
    { mail: 'milestone', count: 2 },
    { mail: 'welcome', count: 2 },
  ])
})
