import { expect, test } from 'vitest'
import { createFixture } from '../support/fixture.ts'
import { eventually } from '../support/eventually.ts'
import { replayIs, replayed, shownReplay } from '../support/replays.ts'
import { onlyFresh, staleMails } from '../support/stale-mails.ts'

test('another daemon continues a replay at its cursor after a kill, and no mail is missing or sent twice', async () => {
  await using fixture = await createFixture()
  const first = fixture.daemon(onlyFresh)
  await first.ready()
  const people = await staleMails(fixture, 60)
  expect(fixture.smtp.mails).toEqual([])

  const by = ['--owner', 'ada', '--because', 'mails were late']
  const id = await replayed(fixture, '--group', 'email-workers', '--from', 'earliest', '--rate', '10', '--confirm', '60', ...by)
  await eventually('the replay has read and sent something', async () => {
    const [range] = (await shownReplay(fixture, id)).ranges
    return (range !== undefined && range.next > range.from && fixture.smtp.mails.length > 0) || `${range?.next}`
  })
  first.kill('SIGKILL')
  await first.exited
  const [cursor] = (await shownReplay(fixture, id)).ranges
  expect(cursor?.next).toBeLessThan(cursor?.to ?? 0)

  const second = fixture.daemon(onlyFresh)
  await second.ready()
  const done = await replayIs(fixture, id, 'done')
  await fixture.drained()
  expect(done.counts).toEqual(done.plan.counts)
  expect(done.audit.map(({ action }) => action)).toEqual(['ordered', 'started', 'continued', 'done'])
  // A mail that was in the relay's hands at the kill may go out once more, under the same Message-ID.
  expect(new Set(fixture.smtp.mails.flatMap(({ recipients }) => recipients))).toEqual(new Set(people.map(({ email }) => email)))
  const twice = fixture.smtp.mails.length - people.length
  const [doubt] = await fixture.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.intents WHERE ambiguous > 0')
  expect(twice).toBeLessThanOrEqual(doubt?.count ?? 0)
})
