import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { freePorts } from '../../stack/free-port.ts'
import { eventIdOf } from '../../src/events/identity.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'
import { workerctlFor } from '../support/workerctl-for.ts'

test('the first line of a timeline names why a mail or a reward is missing, and the command that fixes it works', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const timeline = async (...args: readonly string[]) => {
    const { code, out, err } = await workerctlFor(fixture, 'timeline', ...args)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    return out.split('\n')
  }
  /** Waits until the first line is this. */
  const answered = (sentence: RegExp, ...args: readonly string[]) =>
    eventually(String(sentence), async () => {
      const [answer = ''] = await timeline(...args)
      return sentence.test(answer) || answer
    })
  const join = (name: string, columns: Readonly<Record<string, unknown>> = {}) =>
    platform.person(campaign, { email: `${name}@example.com`, status: 'pending', email_verified: false, verified_at: null, ...columns })

  const [bounced, doubted, lost, old] = [await join('Bounced'), await join('doubted'), await join('lost'), await join('old')]
  const winner = await join('winner')
  fixture.smtp.respondWith((stage, { address }) =>
    stage === 'rcpt' && /^bounced@/i.test(address ?? '') ? { code: 550, text: '5.1.1 no such user' } : undefined,
  )
  await fixture.daemon({ MAIL_MAX_EVENT_AGE_SECONDS: '3600' }).ready()

  // The event never arrived: the platform's row is there, and nothing was published about it.
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...winner })
  await fixture.drained()
  await answered(
    /^No welcome mail: the event user\.signed_up of .* ago never arrived in fixture.*email-workers; .*workerctl reconcile --publish/,
    '--email',
    lost.email,
  )
  const arrived = await timeline('--user', winner.userId)
  expect(arrived[0]).toMatch(/^The welcome mail was accepted by the relay .* as <.*@.*>; look for it among junk mail/)
  expect(arrived.join('\n')).toMatch(
    / event .* user\.signed_up\n[^]* outcome .* accepted .* from partition \d, offset 0: it created effects\n[^]* mail .* sent .* welcome to w\*\*\*@example\.com as </,
  )

  // The address is suppressed, found in any spelling; lifted by the command that the line names.
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...bounced })
  await fixture.drained()
  await answered(/^No welcome mail: the relay says that the mailbox does not exist \(hard bounce\)/, '--email', 'bounced@EXAMPLE.com')
  await fixture.publisher.publishUserVerified({ ...campaign, ...bounced })
  await fixture.drained()
  const [suppressed = ''] = await timeline('--email', 'bounced@EXAMPLE.com')
  expect(suppressed).toMatch(
    /^No verification mail: the address was suppressed .* \(hard bounce\); workerctl suppressions remove --user .* --reason bounced lifts it, then workerctl intents retry \d+ --yes sends the mail\.$/,
  )
  fixture.smtp.respondWith(undefined)
  const commands = [...suppressed.matchAll(/workerctl ((?:suppressions|intents) .*?)(?: lifts| sends)/g)].map(([, line = '']) =>
    line.split(' '),
  )
  expect(commands).toHaveLength(2)
  for (const command of commands)
    expect(await workerctlFor(fixture, ...command, ...(command.includes('--yes') ? [] : ['--yes']))).toMatchObject({ code: 0 })
  await fixture.drained()
  expect(fixture.smtp.mails.flatMap(({ recipients }) => recipients)).toContain(bounced.email)

  // A dead letter, of an event whose data no group can read.
  const data = { user_id: doubted.userId, campaign_id: campaign.campaignId, email: doubted.email }
  const id = eventIdOf('user.signed_up', data)
  const record = {
    id,
    type: 'user.signed_up',
    account_id: campaign.accountId,
    campaign_id: campaign.campaignId,
    timestamp: new Date().toISOString(),
  }
  await fixture.sendRaw([
    {
      key: campaign.campaignId,
      value: Buffer.from(JSON.stringify({ ...record, data: { ...data, email: 7 } })),
      headers: { 'event-id': id, 'event-type': 'user.signed_up', 'event-version': '1' },
    },
  ])
  await fixture.drained()
  await answered(
    /^No welcome mail: the event user\.signed_up is a dead letter of .*email-workers at partition \d, offset \d+, because its data violates the catalogue/,
    '--user',
    doubted.userId,
  )
  await answered(/^No effect: the event user\.signed_up is a dead letter of/, '--event', id)
  await answered(/^The event .* never arrived: no group has a record of it\./, '--event', randomUUID())

  // An event that was old when it arrived.
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...old, timestamp: new Date(Date.now() - 7_200_000) })
  await fixture.drained()
  await answered(/^No welcome mail: the event was older than MAIL_MAX_EVENT_AGE_SECONDS/, '--email', old.email)

  // A reward that the rules skip, one that is delivered and named twice, and one whose endpoint is away.
  const byMail = await platform.reward(campaign, { method: 'email' })
  const revoked = await platform.earned(campaign, byMail, winner.userId)
  await fixture.sql.query(`UPDATE user_rewards SET status = 'revoked' WHERE id = $1`, [revoked])
  await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId: revoked, rewardId: byMail, userId: winner.userId })
  await fixture.drained()
  await answered(/^No (?:reward|mail about the reward): the reward was revoked\.$/, '--reward', revoked)
  const delivered = await platform.earned(campaign, byMail, winner.userId)
  const [first, second] = [randomUUID(), randomUUID()]
  for (const eventId of [first, second]) {
    await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId: delivered, rewardId: byMail, userId: winner.userId, eventId })
  }
  await fixture.drained()
  await answered(
    /^(?:Nothing new: .*reward-workers read reward\.earned as a duplicate, all of its effects existed already: The reward was accepted by the relay)/,
    '--event',
    second,
  )
  await answered(/^The (?:reward|mail about the reward) was accepted by the relay/, '--reward', delivered)

  const [closed = 0] = await freePorts(1)
  const away = `http://127.0.0.1:${closed}/hook`
  await platform.webhook(campaign, away, 'whsec_c2VjcmV0')
  const byHook = await platform.reward(campaign, { method: 'webhook', webhookUrl: away })
  const waiting = await platform.earned(campaign, byHook, winner.userId)
  await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId: waiting, rewardId: byHook, userId: winner.userId })
  await answered(
    /^The reward (?:is tried again .*: attempt 1 failed: the endpoint refuses connections|waits: the endpoint .* has been away)/,
    '--reward',
    waiting,
  )
  await answered(/^The reward /, '--user', winner.userId)
})
