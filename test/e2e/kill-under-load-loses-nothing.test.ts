import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { doubledMails, createMixedEvents, wrongPositions } from '../support/mixed-events.ts'

test('SIGKILL under load loses nothing; only mails in flight may be sent twice, and their rows count it', async () => {
  await using fixture = await createFixture()
  const mixed = await createMixedEvents(new Platform(fixture.sql), fixture, 1_000)
  const settings = { MAIL_DEADLINE_MS: '1000' }
  for (const mails of [100, 300, 500]) {
    const daemon = fixture.daemon(settings)
    await daemon.ready()
    if (mails === 100) await fixture.publisher.publishMany(mixed.events)
    await eventually('the daemon is in mid-stream', () => fixture.smtp.counters.mails > mails || String(fixture.smtp.counters.mails))
    daemon.kill('SIGKILL')
    expect(await daemon.exited).toBe('SIGKILL')
  }
  const last = fixture.daemon(settings)
  await last.ready()
  await fixture.drained()

  const doubled = doubledMails(fixture)
  expect(new Set(fixture.smtp.mails.map(({ messageId }) => messageId)).size).toBe(mixed.mails)
  const [ambiguous] = await fixture.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.intents WHERE ambiguous = 1')
  expect(doubled.length).toBeLessThanOrEqual(ambiguous?.count ?? 0)
  expect(fixture.smtp.counters.mails).toBe(mixed.mails + doubled.length)
  const outcomes = await fixture.sql.query<{ group_name: string; count: string }>(
    'SELECT group_name, count(*) FROM worker.outcomes GROUP BY 1 ORDER BY 1',
  )
  expect(outcomes).toEqual([
    { group_name: fixture.group('email-workers'), count: String(mixed.mails) },
    { group_name: fixture.group('position-workers'), count: String(mixed.mails / 4) },
  ])
  expect(await wrongPositions(fixture, 3)).toEqual([])
})
