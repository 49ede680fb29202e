import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { expectClean } from '../support/refusal.ts'
import type { Daemon } from '../support/daemon.ts'
import { createFixture } from '../support/fixture.ts'

/** The one line that says that mails wait. */
async function complaintOf(daemon: Daemon): Promise<string> {
  const found = () =>
    daemon.lines.filter(({ level, msg }) => level === 'error' && msg.startsWith('Mail stays queued until this is fixed: '))
  await eventually('the relay is complained of', () => found().length > 0 || 'not yet')
  expect(found()).toHaveLength(1)
  return found()[0]?.msg ?? ''
}

test('with refused SMTP credentials the start succeeds, a line names the relay and the way out, and mails wait', async () => {
  await using fixture = await createFixture({ partitions: 1, smtp: { auth: true } })
  const url = new URL(fixture.smtp.url)
  url.password = 'hidden-word'
  const daemon = fixture.daemon({ SMTP_URL: url.href })
  await daemon.ready()
  expect(await complaintOf(daemon)).toMatch(
    new RegExp(
      `The SMTP relay at 127\\.0\\.0\\.1:${url.port} rejects the credentials in SMTP_URL \\(535.*\\); correct the user or the password\\.$`,
    ),
  )

  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  await eventually('the mail waits in the database', async () => {
    const rows = await fixture.sql.query<{ state: string; attempt: number }>(
      `SELECT state, attempt FROM worker.intents WHERE kind = 'mail'`,
    )
    return (rows.length === 1 && rows[0]?.attempt === 0) || JSON.stringify(rows)
  })
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expectClean(daemon, ['hidden-word', new URL(fixture.smtp.url).password])

  // Corrected and started again, it goes out.
  await fixture.daemon().ready()
  await fixture.drained()
  expect(fixture.smtp.counters.accepted).toBe(1)
})

test('with the relay down the start succeeds, and a line names the relay', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  await fixture.smtp.halt()
  const daemon = fixture.daemon()
  await daemon.ready()
  expect(await complaintOf(daemon)).toMatch(
    new RegExp(
      `The SMTP relay at 127\\.0\\.0\\.1:${fixture.smtp.port} cannot be reached \\(ECONNREFUSED\\); check SMTP_URL and that the relay runs\\.$`,
    ),
  )
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expectClean(daemon)
})
