import { expect, test } from 'vitest'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { expectClean } from '../support/refusal.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'

/** A daemon in the middle of a mail whose final dot the relay never answers, and for which it waits for longer than a test may take; nothing else runs in it, since it has one group. */
async function inTheMiddleOfAMail(fixture: Fixture, variables: Readonly<Record<string, string>>): Promise<Daemon> {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  fixture.smtp.respondWith((stage) => (stage === 'data' ? new Promise(() => undefined) : undefined))
  const daemon = fixture.daemon({ MAIL_DEADLINE_MS: '3600000', ...variables })
  await daemon.ready()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  await eventually('the relay has the mail', () => fixture.smtp.counters.mails === 1 || 'no mail')
  return daemon
}

/** The last word of a daemon that ended with exit code 2: it names the intent, its kind, its group and since when. */
async function lastWordOf(fixture: Fixture, daemon: Daemon): Promise<string> {
  expect(await daemon.exited).toBe(2)
  expectClean(daemon)
  const [intent] = await fixture.sql.query<{ id: string; kind: string }>(`SELECT id, kind FROM worker.intents WHERE kind = 'mail'`)
  const said = daemon.lines.filter(({ level, msg }) => level === 'error' && msg.startsWith('Forced shutdown'))
  expect(said).toHaveLength(1)
  expect(said[0]?.['blockers']).toEqual([
    expect.stringMatching(
      new RegExp(`^group ${fixture.group('email-workers')}: email intent ${intent?.id} \\(${intent?.kind}\\) running since 2\\d{3}-`),
    ),
  ])
  return said[0]?.msg ?? ''
}

test('a second SIGTERM forces', async () => {
  await using fixture = await createFixture({ partitions: 1, groups: ['email-workers'] })
  const daemon = await inTheMiddleOfAMail(fixture, {})
  daemon.kill('SIGTERM')
  await eventually('it drains', () => daemon.lines.some(({ msg }) => msg === 'stopping') || 'not yet')
  // Its groups are left first, so that the mail is the only thing that blocks.
  await eventually('the groups are left', async () => {
    const states = await Promise.all(fixture.groups.map((group) => fixture.admin.groupState(fixture.group(group))))
    return states.every(({ members }) => members === 0) || JSON.stringify(states)
  })
  daemon.kill('SIGTERM')
  expect(await lastWordOf(fixture, daemon)).toMatch(/^Forced shutdown, because a second SIGTERM; still running: group .*email intent .*\.$/)
})

test('the end of SHUTDOWN_GRACE_MS forces', async () => {
  await using fixture = await createFixture({ partitions: 1, groups: ['email-workers'] })
  const daemon = await inTheMiddleOfAMail(fixture, { SHUTDOWN_GRACE_MS: '4000' })
  daemon.kill('SIGTERM')
  expect(await lastWordOf(fixture, daemon)).toMatch(
    /^Forced shutdown, because SHUTDOWN_GRACE_MS \(4000\) has passed; still running: group .*\.$/,
  )
})
