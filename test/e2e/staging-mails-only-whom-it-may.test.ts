import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'

test('with MAIL_ALLOWED_RECIPIENTS only matching addresses get mail, and the start says so', async () => {
  await using scene = await setScene()
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const emails = ['ann@example.com', 'qa-1@example.org', 'real@example.org', 'ANN@EXAMPLE.COM.example.net', 'Bob@Example.Com']
  const people = await Promise.all(emails.map((email) => platform.person(campaign, { email })))
  const daemon = scene.daemon({ MAIL_ALLOWED_RECIPIENTS: '*@example.com, QA-*@example.org' })
  await daemon.ready()
  expect(daemon.lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg)).toContainEqual(
    expect.stringContaining('MAIL_ALLOWED_RECIPIENTS is set'),
  )

  // The addresses in the events say nothing about where a mail goes.
  for (const { userId } of people) await scene.publisher.publishUserSignedUp({ ...campaign, userId, email: 'any@example.com' })
  await scene.publisher.publishCampaignMilestoneReached({ ...campaign, milestone: '5_participants', participantCount: 5 })
  await scene.settled()
  const allowed = ['ann@example.com', 'qa-1@example.org', 'Bob@Example.Com']
  expect(scene.smtp.mails.flatMap(({ recipients }) => recipients).sort()).toEqual([...allowed, ...allowed].sort())
  const skipped = await scene.sql.query(
    `SELECT data->>'type' AS mail, count(*)::int AS count FROM worker.intents WHERE state = 'skipped' AND reason = 'not-allowed' GROUP BY 1 ORDER BY 1`,
  )
  expect(skipped).toEqual([
    { mail: 'milestone', count: 2 },
    { mail: 'welcome', count: 2 },
  ])
})
