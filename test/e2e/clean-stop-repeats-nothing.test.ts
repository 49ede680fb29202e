import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { doubledMails, createMixedEvents, wrongPositions } from '../support/mixed-events.ts'

test('SIGTERM under load drains, commits and exits with 0; the next start continues there and repeats nothing', async () => {
  await using fixture = await createFixture()
  const mixed = await createMixedEvents(new Platform(fixture.sql), fixture, 1_000)
  const first = fixture.daemon({ MAIL_DEADLINE_MS: '600000' })
  await first.ready()
  const half = mixed.events.length / 2
  await fixture.publisher.publishMany(mixed.events.slice(0, half))
  await eventually('the daemon is in mid-stream', () => fixture.smtp.counters.mails > 100 || String(fixture.smtp.counters.mails))
  // From here on the relay answers no final dot until the stop has begun: the mails that it interrupts have not been sent.
  const dot = Promise.withResolvers<undefined>()
  fixture.smtp.respondWith((stage) => (stage === 'data' ? dot.promise : undefined))
  await fixture.publisher.publishMany(mixed.events.slice(half))
  // Stopped just after an accept: the stop has to commit what the timer has not.
  await eventually('all is accepted', async () => {
    const [row] = await fixture.sql.query<{ sum: string }>('SELECT sum(next_offset) FROM worker.progress WHERE group_name = $1', [
      fixture.group('email-workers'),
    ])
    return row?.sum === String(mixed.events.length) || String(row?.sum)
  })
  first.kill('SIGTERM')
  await eventually('it drains', () => first.lines.some(({ msg }) => msg === 'stopping') || 'not yet')
  dot.resolve(undefined)
  expect(await first.exited).toBe(0)
  expect(fixture.smtp.counters.mails).toBeLessThan(mixed.mails)

  // The committed offsets equal the rows of the database, for every partition that moved.
  const rows = await fixture.sql.query<{ group_name: string; partition: number; next_offset: string }>(
    'SELECT group_name, partition, next_offset FROM worker.progress',
  )
  const moved = rows.filter((row) => row.next_offset !== '0')
  expect(moved.length).toBeGreaterThan(0)
  for (const { group_name, partition, next_offset } of moved) {
    const committed = (await fixture.admin.committed(group_name, fixture.topic)).get(partition)
    expect({ group_name, partition, committed }).toEqual({ group_name, partition, committed: BigInt(next_offset) })
  }
  const claimed = await fixture.sql.query(`SELECT id FROM worker.intents WHERE state IN ('claimed', 'handing_over')`)
  expect(claimed).toEqual([])

  const second = fixture.daemon()
  await second.ready()
  await fixture.drained()
  expect(fixture.smtp.counters.mails).toBe(mixed.mails)
  expect(doubledMails(fixture)).toEqual([])
  expect(await wrongPositions(fixture, 3)).toEqual([])
  expect(await second.metrics()).not.toMatch(/messages_total\{[^}]*outcome="duplicate"/)
})

test('SIGTERM while the start waits for its servers ends the process', async () => {
  await using fixture = await createFixture()
  const daemon = fixture.daemon({ DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing' })
  await eventually(
    'it waits for the database',
    () => daemon.lines.some(({ msg }) => msg.includes('The database does not answer')) || 'not yet',
  )
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
})
