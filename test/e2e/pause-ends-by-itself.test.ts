import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { follows, pausesOf, statusOf } from '../support/pauses.ts'
import { Platform } from '../support/platform.ts'

test('a pause of a campaign and one of a group end at their ends, without anybody, and their work is done', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const pauses = pausesOf(fixture)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const group = fixture.group('reward-workers')
  await pauses.begin({ scope: 'campaign', group: null, target: campaign.campaignId }, 3_600_000)
  await pauses.begin({ scope: 'group', group, target: group }, 3_600_000)
  const daemon = fixture.daemon()
  await daemon.ready()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  await eventually('the mail is set aside until the end of the pause', async () => {
    const rows = await fixture.sql.query<{ reason: string | null; isAtEnd: boolean }>(
      `SELECT i.reason, abs(extract(epoch FROM i.due_at - p.ends_at)) < 60 AS "isAtEnd"
         FROM worker.intents AS i, worker.pauses AS p WHERE i.kind = 'mail' AND p.scope = 'campaign'`,
    )
    return (rows.length > 0 && rows.every(({ reason, isAtEnd }) => reason === 'paused' && isAtEnd)) || JSON.stringify(rows)
  })
  expect((await statusOf(daemon)).groups[group]?.paused).toEqual(['operator'])
  expect(fixture.smtp.mails).toHaveLength(0)

  // Hours pass.
  await fixture.sql.query(`UPDATE worker.pauses SET ends_at = now()`)
  await follows(daemon, 0)
  await fixture.drained()
  expect(fixture.smtp.mails.map(({ recipients }) => recipients)).toEqual([[person.email]])
  expect((await statusOf(daemon)).groups[group]?.paused).toEqual([])
  const over = daemon.lines.filter(({ msg }) => msg === 'pause of an operator is over').map(({ scope }) => scope)
  expect(new Set(over)).toEqual(new Set(['campaign', 'group']))
})
