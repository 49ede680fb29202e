import { expect, inject, test } from 'vitest'
import { topicTool } from '../support/faults/topic-tool.ts'
import { createFixture } from '../support/fixture.ts'
import { eventually } from '../support/eventually.ts'
import { replayIs, replayed, shownReplay, type ShownReplay } from '../support/replays.ts'
import { onlyFresh, staleMails } from '../support/stale-mails.ts'
import { workerctlFor } from '../support/workerctl-for.ts'

test('a replay that is paused sends no more until it is resumed, and what is cancelled is sent by a later one', async () => {
  await using fixture = await createFixture()
  const daemon = fixture.daemon(onlyFresh)
  await daemon.ready()
  await staleMails(fixture, 30)
  const range = ['--group', 'email-workers', '--from', 'earliest']
  const by = ['--owner', 'ada', '--because', 'a test']
  const id = await replayed(fixture, ...range, '--send-rate', '1', '--confirm', '30', ...by)
  const sent = (least: number) =>
    eventually(`${least} mails were sent`, () => fixture.smtp.mails.length >= least || `${fixture.smtp.mails.length}`)
  await sent(2)

  const paused = await workerctlFor(fixture, 'replay', 'pause', id, ...by)
  expect(paused.out).toBe(`Done: replay ${id} was running and is paused.`)
  const { released } = await shownReplay(fixture, id)
  await eventually('the daemon has noticed', () => daemon.lines.some(({ msg, job }) => msg === 'replay lost' && job === id) || 'not yet')
  await sent(released)
  expect(await shownReplay(fixture, id)).toMatchObject({ state: 'paused', released, unfinished: 30 - released })
  expect(fixture.smtp.mails).toHaveLength(released)

  await workerctlFor(fixture, 'replay', 'resume', id, ...by)
  await sent(released + 2)
  const cancelled = await workerctlFor(fixture, 'replay', 'cancel', id, ...by, '--json')
  await replayIs(fixture, id, 'cancelled')
  await fixture.drained()
  const count: number = JSON.parse(cancelled.out).cancelled
  expect(count).toBeGreaterThan(0)
  expect(fixture.smtp.mails).toHaveLength(30 - count)
  const again = await workerctlFor(fixture, 'replay', 'cancel', id, ...by)
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining(`Replay ${id} is cancelled`) })

  const rest = await replayed(fixture, ...range, '--confirm', String(count), ...by)
  await replayIs(fixture, rest, 'done')
  await fixture.drained()
  expect(fixture.smtp.mails).toHaveLength(30)
  expect(new Set(fixture.smtp.mails.flatMap(({ recipients }) => recipients)).size).toBe(30)
})

/** How many offsets it could not read. */
const unread = ({ counts }: ShownReplay) => counts.flatMap((one) => (one.what === 'unread' ? [one.count] : []))

test('a replay whose records are deleted while it reads ends and names the offsets that it could not read, and so does the next one of its group', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  await using tool = await topicTool(inject('kafkaBootstrap'))
  await fixture.daemon(onlyFresh).ready()
  const all = (await staleMails(fixture, 40)).length
  const order = ['--group', 'email-workers', '--from', 'earliest', '--confirm', String(all), '--owner', 'ada', '--because', 'a test']
  // The second begins when the first has ended.
  const cut = await replayed(fixture, ...order, '--rate', '1')
  const next = await replayed(fixture, ...order)
  await eventually('the first has read something', async () => ((await shownReplay(fixture, cut)).ranges[0]?.next ?? 0) > 0 || 'not yet')
  await tool.deleteRecordsBelow(fixture.topic, 0, BigInt(all))

  const [lost = 0] = unread(await replayIs(fixture, cut, 'done'))
  expect(lost).toBeGreaterThan(0)
  const sentence = `${lost} offsets of partition 0, from ${all - lost} to ${all - 1}, are no longer in the log and were not read.`
  const { out } = await workerctlFor(fixture, 'replay', 'show', cut)
  expect(out).toContain(`is done: ${sentence}`)
  expect(out).toContain(`unread partition 0: 0 planned, ${lost} are.`)
  expect((await shownReplay(fixture, cut)).audit.filter(({ action }) => action === 'lost')).toMatchObject([{ because: sentence }])
  await fixture.drained()
  expect(fixture.smtp.mails).toHaveLength(all - lost)
  expect(unread(await replayIs(fixture, next, 'done'))).toEqual([all])
})
