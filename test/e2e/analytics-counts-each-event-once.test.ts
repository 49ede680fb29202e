import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'

test('without its tables only analytics-workers waits, and starts by itself once they exist; it counts each event once, and workerctl shows the counts', async () => {
  await using fixture = await createFixture({ groups: ['position-workers', 'analytics-workers'] })
  const workerctl = (...args: string[]) => runWorkerctl(args, fixture.variables)
  const campaign = await new Platform(fixture.sql).campaign()
  const show = ['analytics', 'show', '--campaign', campaign.campaignId] as const

  const refused = fixture.daemon({ KAFKA_GROUPS: 'analytics-workers' })
  expect(await refused.exited).toBe(1)
  const sentence =
    'The database has no analytics schema, and this build needs version 1: run "npm run workerctl -- migrate --set analytics" first.'
  expect(refused.lines.some(({ msg }) => msg.includes(sentence))).toBe(true)
  expect(await workerctl(...show)).toMatchObject({ code: 1, err: sentence })

  const daemon = fixture.daemon()
  await eventually('the other group is at work', async () => {
    const { members } = await fixture.admin.groupState(fixture.group('position-workers'))
    return members === 1 || String(members)
  })
  await eventually('readiness names the group and the way out', async () => {
    const body = await fetch(`${daemon.url()}/readyz`).then((response) => response.text())
    return (body.includes(fixture.group('analytics-workers')) && body.includes('migrate --set analytics')) || body
  })
  expect(await workerctl('migrate', '--set', 'analytics')).toMatchObject({ code: 0 })
  await daemon.ready()
  const people = Array.from({ length: 3 }, () => crypto.randomUUID())
  const at = new Date('2026-03-01T23:59:59.999Z')
  const next = new Date('2026-03-02T00:00:00.000Z')
  for (const [index, userId] of people.entries()) {
    await fixture.publisher.publishUserSignedUp({
      ...campaign,
      userId,
      email: 'guest@example.com',
      timestamp: index === 0 ? at : next,
    })
  }
  const [referrerId = '', referredId = ''] = people
  const referral = { ...campaign, referralId: crypto.randomUUID(), referrerId, referredId, timestamp: next }
  // The same fact twice, as a publisher that tries again sends it.
  await fixture.publisher.publishReferralCreated(referral)
  await fixture.publisher.publishReferralCreated(referral)

  const counts = [
    { day: '2026-03-01', type: 'user.signed_up', count: 1 },
    { day: '2026-03-02', type: 'referral.created', count: 1 },
    { day: '2026-03-02', type: 'user.signed_up', count: 2 },
  ]
  await eventually('all is accepted', async () => {
    const [row] = await fixture.sql.query<{ sum: string }>('SELECT sum(next_offset) FROM worker.progress WHERE group_name = $1', [
      fixture.group('analytics-workers'),
    ])
    return row?.sum === '5' || String(row?.sum)
  })
  const shown = await workerctl(...show, '--json')
  expect(JSON.parse(shown.out)).toEqual({
    campaignId: campaign.campaignId,
    since: null,
    signups: { total: 3, referral: 1, direct: 2 },
    counts,
  })
  expect(JSON.parse((await workerctl(...show, '--since', '2026-03-02', '--json')).out)).toMatchObject({ counts: counts.slice(1) })
  expect((await workerctl(...show)).out).toMatch(
    /^Sign-ups: 3 \(1 by referral, 2 direct\)\.\nDAY +EVENT +COUNT\n2026-03-01 +user\.signed_up +1\n/,
  )
  expect(await workerctl(...show, '--since', '2026-02-30')).toMatchObject({
    code: 1,
    err: '--since 2026-02-30 is not a day: give it as YYYY-MM-DD, such as 2026-11-01.',
  })
  expect((await workerctl('analytics', 'show', '--campaign', crypto.randomUUID())).out).toMatch(
    /^No event of campaign [\w-]+ is counted\.$/,
  )
})
