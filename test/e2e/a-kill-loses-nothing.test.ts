import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'
import { doubledMails, mixedStory, wrongPositions } from '../support/story.ts'

test('SIGKILL in mid-stream loses nothing, and doubles no mail but those being handed over, which say so', async () => {
  await using scene = await setScene()
  const story = await mixedStory(new Platform(scene.sql), scene, 1_000)
  const settings = { MAIL_DEADLINE_MS: '1000' }
  for (const mails of [100, 300, 500]) {
    const daemon = scene.daemon(settings)
    await daemon.ready()
    if (mails === 100) await scene.publisher.publishMany(story.events)
    await eventually('the daemon is in mid-stream', () => scene.smtp.counters.mails > mails || String(scene.smtp.counters.mails))
    daemon.kill('SIGKILL')
    expect(await daemon.exited).toBe('SIGKILL')
  }
  const last = scene.daemon(settings)
  await last.ready()
  await scene.settled()

  const doubled = doubledMails(scene)
  expect(new Set(scene.smtp.mails.map(({ messageId }) => messageId)).size).toBe(story.mails)
  const [ambiguous] = await scene.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.intents WHERE ambiguous = 1')
  expect(doubled.length).toBeLessThanOrEqual(ambiguous?.count ?? 0)
  expect(scene.smtp.counters.mails).toBe(story.mails + doubled.length)
  const outcomes = await scene.sql.query<{ group_name: string; count: string }>(
    'SELECT group_name, count(*) FROM worker.outcomes GROUP BY 1 ORDER BY 1',
  )
  expect(outcomes).toEqual([
    { group_name: scene.group('email-workers'), count: String(story.mails) },
    { group_name: scene.group('position-workers'), count: String(story.mails / 4) },
  ])
  expect(await wrongPositions(scene, 3)).toEqual([])
})
