import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'

/** The recipients of all mails, one entry per mail. */
const reached = ({ smtp }: Fixture) => smtp.mails.flatMap(({ recipients }) => recipients).sort()

/** How each mail ended, by the type. */
const ends = ({ sql }: Fixture) =>
  sql.query<{ mail: string; state: string; reason: string | null }>(
    `SELECT data->>'type' AS mail, state, reason FROM worker.intents WHERE channel = 'email' ORDER BY id`,
  )

test('an address that the relay refused gets no further mail of the account, and every mail of other accounts', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const [campaign, other] = [await platform.campaign(), await platform.campaign()]
  const gone = await platform.person(campaign, { email: 'Gone@example.com' })
  const elsewhere = await platform.person(other, { email: 'gone@example.com' })
  fixture.smtp.respondWith((stage, { address }) =>
    stage === 'rcpt' && /^gone@/i.test(address ?? '') ? { code: 550, text: '5.1.1 no' } : undefined,
  )
  await fixture.daemon().ready()

  await fixture.publisher.publishUserSignedUp({ ...campaign, ...gone })
  await fixture.drained()
  expect(await ends(fixture)).toEqual([{ mail: 'welcome', state: 'rejected', reason: 'recipient-refused' }])
  expect(await fixture.sql.query('SELECT status FROM email_logs')).toEqual([{ status: 'failed' }])

  fixture.smtp.respondWith(undefined)
  await fixture.publisher.publishUserVerified({ ...campaign, ...gone })
  await fixture.publisher.publishUserVerified({ ...other, ...elsewhere })
  await fixture.drained()
  expect(reached(fixture)).toEqual([elsewhere.email])
  expect(await ends(fixture)).toContainEqual({ mail: 'verification', state: 'skipped', reason: 'suppressed-bounced' })
  expect(await fixture.sql.query('SELECT status FROM email_logs ORDER BY created_at')).toEqual([{ status: 'failed' }, { status: 'sent' }])
})

test('an address that unsubscribes over HTTP gets only mails that respond to an action of its owner', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const [ada, bob] = [await platform.person(campaign), await platform.person(campaign)]
  const token = 'a-token-for-this-test-alone'
  const daemon = fixture.daemon({ HTTP_TOKEN: token })
  await daemon.ready()

  const post = (bearer: string) =>
    fetch(`${daemon.url()}/suppressions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}` },
      body: JSON.stringify({ account_id: campaign.accountId, address: ada.email.toUpperCase(), reason: 'unsubscribed' }),
    })
  expect((await post('another-token-of-some-length')).status).toBe(401)
  expect([(await post(token)).status, (await post(token)).status]).toEqual([204, 204])

  const referralId = await platform.referral(campaign, ada.userId, bob.userId)
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...ada })
  await fixture.publisher.publishReferralVerified({
    ...campaign,
    referralId,
    referrerId: ada.userId,
    referredId: bob.userId,
    pointsPerReferral: 1,
  })
  await fixture.publisher.publishCampaignMilestoneReached({ ...campaign, milestone: '2_participants', participantCount: 2 })
  await fixture.drained()
  expect(reached(fixture)).toEqual([ada.email, bob.email].sort())
  expect((await ends(fixture)).toSorted((a, b) => (a.mail < b.mail ? -1 : 1))).toEqual([
    { mail: 'milestone', state: 'sent', reason: null },
    { mail: 'position_update', state: 'skipped', reason: 'suppressed-unsubscribed' },
    { mail: 'welcome', state: 'sent', reason: null },
  ])
  expect(JSON.stringify([daemon.lines, daemon.other])).not.toMatch(new RegExp(`${token}|${ada.email}`, 'i'))
})
