import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { doubledMails } from '../support/mixed-events.ts'
import { Platform } from '../support/platform.ts'
import { replayIs, replayed } from '../support/replays.ts'
import { workerctlFor } from '../support/workerctl-for.ts'

test('a replay sends what was missing and nothing twice, and does what its plan counted', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const daemon = fixture.daemon({ MAIL_MAX_EVENT_AGE_SECONDS: '3600' })
  await daemon.ready()
  const people = await platform.crowd(campaign, 20)
  const old = new Date(Date.now() - 3_700_000)
  for (const person of people) await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  // Too old to be sent when they are accepted. One of these people is blocked afterwards.
  for (const person of people.slice(0, 12)) await fixture.publisher.publishUserVerified({ ...campaign, ...person, timestamp: old })
  await fixture.sendRaw([{ key: campaign.campaignId, value: Buffer.from('{'), headers: { 'event-type': 'user.verified' } }])
  await fixture.drained()
  expect(fixture.smtp.mails).toHaveLength(20)
  await fixture.sql.query(`UPDATE waitlist_users SET status = 'blocked' WHERE id = $1`, [people[0]?.userId])

  const mails = () =>
    fixture.sql.query(`SELECT state, count(*)::int AS count FROM worker.intents WHERE kind = 'mail' GROUP BY 1 ORDER BY 1`)
  const range = ['--group', 'email-workers', '--from', 'earliest']
  const before = await mails()
  const planned = await workerctlFor(fixture, 'replay', 'plan', ...range)
  expect(planned.out.split('\n')).toEqual([
    `Replaying 33 records of 1 partition for ${fixture.group('email-workers')} would have 11 effects, with mails to 11 people.`,
    '20 events user.signed_up: 20 repeated.',
    '12 events user.verified: 12 repeated.',
    '11 mail verification to 11 people would be sent: "Your email address is confirmed" (11).',
    '1 mail verification would be skipped as person-blocked.',
    '12 of mail verification had ended skipped (stale) and would be tried again.',
    '20 of mail welcome would be left alone: already sent.',
    '1 record of an unknown type would fail as not-json.',
  ])
  expect(await mails()).toEqual(before)

  const by = ['--owner', 'ada', '--because', 'mails were late']
  const refused = await workerctlFor(fixture, 'replay', 'run', ...range, '--confirm', '12', ...by)
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('would have 11 effects now, not the 12') })
  expect(await fixture.sql.query('SELECT FROM worker.replay_jobs')).toEqual([])

  const id = await replayed(fixture, ...range, '--confirm', '11', ...by)
  // The ramp keeps most of them waiting for seconds, and what waits is no difference.
  const looks: string[] = []
  await eventually('the range is read', async () => {
    const { out } = await workerctlFor(fixture, 'replay', 'show', id)
    looks.push(out)
    return out.includes('No difference') || out
  })
  expect(looks.join('\n')).not.toContain('Differs from the plan')
  const done = await replayIs(fixture, id, 'done')
  await fixture.drained()
  expect(fixture.smtp.mails).toHaveLength(31)
  expect(doubledMails(fixture)).toEqual([])
  expect(done.counts).toEqual(done.plan.counts)
  const show = await workerctlFor(fixture, 'replay', 'show', id)
  expect(show.out).toContain('No difference from the plan.')
  expect(show.out).toContain('ordered by ada: mails were late')

  // Once more there is nothing to do.
  const again = await workerctlFor(fixture, 'replay', 'plan', ...range)
  expect(again.out).toContain('would have 0 effects.')

  // Nor by a second reading, unless what was done is forgotten: then the preview of a reset names kinds, people and subjects.
  const reset = async () =>
    (await workerctlFor(fixture, 'offsets', 'reset', '--group', 'email-workers', '--to', 'earliest', '--dry-run')).out
  expect(await reset()).toContain('Reading 33 records again would have 0 effects.')
  await fixture.sql.query('DELETE FROM worker.intents')
  await fixture.sql.query('DELETE FROM worker.outcomes')
  const preview = await reset()
  expect(preview).toMatch(/Reading 33 records again would have \d+ effects, with mails to 19 people:/)
  expect(preview).toMatch(/ {2}19 mail welcome to 19 people would be sent: "[^"]+" \(\d+\)/)
  expect(preview).toContain('  1 mail welcome would be skipped as person-blocked.')
  expect(await mails()).toEqual([])
})
