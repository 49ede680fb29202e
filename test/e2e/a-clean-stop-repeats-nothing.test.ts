import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'
import { doubledMails, mixedStory, wrongPositions } from '../support/story.ts'

test('SIGTERM in mid-stream drains, commits and exits 0; the next start goes on where it was and repeats nothing', async () => {
  await using scene = await setScene()
  const story = await mixedStory(new Platform(scene.sql), scene, 1_000)
  const first = scene.daemon()
  await first.ready()
  const half = story.events.length / 2
  await scene.publisher.publishMany(story.events.slice(0, half))
  await eventually('the daemon is in mid-stream', () => scene.smtp.counters.mails > 100 || String(scene.smtp.counters.mails))
  await scene.publisher.publishMany(story.events.slice(half))
  // Stopped just behind an accept: what Kafka has not been told of it by the timer, the stop has to tell.
  await eventually('all is accepted', async () => {
    const [row] = await scene.sql.query<{ sum: string }>('SELECT sum(next_offset) FROM worker.progress WHERE group_name = $1', [
      scene.group('email-workers'),
    ])
    return row?.sum === String(story.events.length) || String(row?.sum)
  })
  first.kill('SIGTERM')
  expect(await first.exited).toBe(0)
  expect(scene.smtp.counters.mails).toBeLessThan(story.mails)

  // What Kafka was told is what the database holds, for every partition that moved.
  const rows = await scene.sql.query<{ group_name: string; partition: number; next_offset: string }>(
    'SELECT group_name, partition, next_offset FROM worker.progress',
  )
  const moved = rows.filter((row) => row.next_offset !== '0')
  expect(moved.length).toBeGreaterThan(0)
  for (const { group_name, partition, next_offset } of moved) {
    const committed = (await scene.admin.committed(group_name, scene.topic)).get(partition)
    expect({ group_name, partition, committed }).toEqual({ group_name, partition, committed: BigInt(next_offset) })
  }
  const claimed = await scene.sql.query(`SELECT id FROM worker.intents WHERE state IN ('claimed', 'handing_over')`)
  expect(claimed).toEqual([])

  const second = scene.daemon()
  await second.ready()
  await scene.settled()
  expect(scene.smtp.counters.mails).toBe(story.mails)
  expect(doubledMails(scene)).toEqual([])
  expect(await wrongPositions(scene, 3)).toEqual([])
  expect(await second.metrics()).not.toMatch(/messages_total\{[^}]*outcome="duplicate"/)
})

test('SIGTERM before anything is there ends the boot', async () => {
  await using scene = await setScene()
  const daemon = scene.daemon({ DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing' })
  await eventually(
    'it waits for the database',
    () => daemon.lines.some(({ msg }) => msg.includes('The database does not answer')) || 'not yet',
  )
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
})
