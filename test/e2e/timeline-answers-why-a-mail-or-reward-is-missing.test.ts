import { randomUUID } from 'node:crypto'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePorts } from '../../stack/free-port.ts'
import { eventIdOf } from '../../src/events/identity.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { follows } from '../support/pauses.ts'
import { Platform } from '../support/platform.ts'
import { workerctlFor } from '../support/workerctl-for.ts'

test('the first line of a timeline names why a mail or a reward is missing, and the command that fixes it works', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const daemon = fixture.daemon({ MAIL_MAX_EVENT_AGE_SECONDS: '3600' })
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
  /** Pauses it, and does something once the daemon follows. */
  const paused = async (what: string, then: () => Promise<unknown>) => {
    const line = ['pause', ...what.split(' '), '--owner', 'ops', '--because', 'a look', '--until-resumed']
    expect(await workerctlFor(fixture, ...line)).toMatchObject({ code: 0 })
    await follows(daemon, 1)
    await then()
  }
  /** Runs the command that the first line about a person names. */
  const resumed = async (userId: string) => {
    const [, line = ''] = /workerctl (resume .*) --owner NAME ends/.exec((await timeline('--user', userId))[0] ?? '') ?? []
    expect(await workerctlFor(fixture, ...line.split(' '), '--owner', 'ops')).toMatchObject({ code: 0 })
  }
  const enrol = (name: string, columns: Readonly<Record<string, unknown>> = {}) =>
    platform.person(campaign, { email: `${name}@example.com`, status: 'pending', email_verified: false, verified_at: null, ...columns })

  const [bounced, doubted, lost, old] = [
    await enrol('Bounced'),
    await enrol('doubted'),
    await enrol('lost'),
    await enrol('old', { created_at: hoursAgo(2) }),
  ]
  const winner = await enrol('winner')
  fixture.smtp.respondWith((stage, { address }) =>
    stage === 'rcpt' && /^bounced@/i.test(address ?? '') ? { code: 550, text: '5.1.1 no such user' } : undefined,
  )
  await daemon.ready()

  // The event never arrived: the platform's row is there, and nothing was published about it.
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...winner })
  await fixture.drained()
  await answered(
    /^No welcome mail: the event user\.signed_up of .* ago has not arrived in fixture.*email-workers; .*workerctl reconcile --publish/,
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

  // Its edited copy has an id of its own: nothing is missing then, and reconcile publishes what is, and that alone.
  const [, group, partition, offset] =
    /dead letter of (\S+) at partition (\d+), offset (\d+)/.exec((await timeline('--user', doubted.userId))[0] ?? '') ?? []
  const letter = `${group}/${partition}/${offset}`
  await using folder = await mkdtempDisposable(join(tmpdir(), 'timeline-'))
  const file = join(folder.path, 'event.json')
  await writeFile(file, JSON.stringify({ ...record, id: '7d8f6a10-1c52-5b9e-8a7d-0d4c3b2a1f60', data }))
  for (const line of [`dlq edit ${letter} --file ${file} --owner ops`, `dlq replay ${letter} --owner ops --confirm 1`])
    expect(await workerctlFor(fixture, ...line.split(' '))).toMatchObject({ code: 0, err: '' })
  await answered(/^The welcome mail was accepted by the relay/, '--user', doubted.userId)
  await fixture.drained()
  const window = ['--since', '1h', '--until', new Date().toISOString()]
  const reconciled = await workerctlFor(fixture, 'reconcile', ...window, '--publish', '--yes')
  expect(reconciled).toMatchObject({
    code: 0,
    out: expect.stringMatching(/Done: 1 published\.$/),
  })
  await fixture.drained()
  await answered(/^The welcome mail was accepted by the relay/, '--email', lost.email)
  const recipients = fixture.smtp.mails.flatMap((mail) => mail.recipients)
  expect(recipients.filter((one) => one === doubted.email)).toHaveLength(1)

  // Another record with the id of an event says nothing about the event.
  const taken = eventIdOf('user.signed_up', { user_id: winner.userId, campaign_id: campaign.campaignId, email: winner.email })
  await fixture.sendRaw([
    {
      key: campaign.campaignId,
      value: Buffer.from(JSON.stringify({ ...record, id: taken, data: { ...data, user_id: randomUUID() } })),
      headers: { 'event-id': taken, 'event-type': 'user.signed_up', 'event-version': '1' },
    },
  ])
  await answered(
    /^The welcome mail was accepted .* Another record with its id is a dead letter of .* for a different fact/,
    '--event',
    taken,
  )
  await answered(/^The welcome mail was accepted by the relay/, '--user', winner.userId)

  // An operator's pause, by the command that ends it.
  await paused('channel email', () => fixture.publisher.publishUserVerified({ ...campaign, ...winner }))
  await answered(/^The verification mail waits: the email channel is paused by ops \(a look\) until it is resumed/, '--user', winner.userId)
  await resumed(winner.userId)
  await answered(/^The verification mail was accepted by the relay/, '--user', winner.userId)
  await paused(`group ${group}`, () => fixture.publisher.publishUserVerified({ ...campaign, ...lost }))
  await fixture.sql.query('UPDATE waitlist_users SET verified_at = now() WHERE id = $1', [lost.userId])
  await answered(
    /^No verification mail yet: .* has no record of the event user\.verified .*, and group .* is paused by ops/,
    '--user',
    lost.userId,
  )
  await resumed(lost.userId)
  await answered(/^The verification mail was accepted by the relay/, '--user', lost.userId)
  await answered(/^The event .* has not arrived: no group has a record of it\./, '--event', randomUUID())

  // An event that was old when it arrived.
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...old, timestamp: hoursAgo(2) })
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

function hoursAgo(hours: number): Date {
  return new Date(Date.now() - hours * 3_600_000)
}
