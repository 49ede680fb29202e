import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { moveReplay } from '../../../src/admin/replay/replay-moves.ts'
import { createRehearsalStore } from '../../../src/infra/postgres/ingest/postgres-replay-store.ts'
import type { IntentDraft } from '../../../src/model/intent.ts'
import { sumCounts, type Rehearsed, type ReplayCount } from '../../../src/model/replay.ts'
import {
  campaign,
  chunk,
  closeAcceptStore,
  db,
  event,
  group,
  intents,
  openAcceptStore,
  outcomes,
  progress,
  startGroup,
  store,
} from './accept-fixture.ts'
import { readReplay, type RangeReader } from '../../../src/ingest/replay-reading.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { recordOfEvent } from '../../support/log-records.ts'
import { sampleEvent } from '../../support/sample-event.ts'
import { act, mailChannels, admin, mail, replay, order, claimed, after, key, cursorOf, writerOf } from './replay-job-fixture.ts'

beforeAll(openAcceptStore)
afterAll(closeAcceptStore)
beforeEach(startGroup)

describe('an accept of a job', () => {
  it('moves the cursor with what it writes, and no progress row', async () => {
    const id = await order()
    const writer = writerOf(await claimed())
    const first = event(0n, [mail(randomUUID())])
    expect(await writer.accept(chunk({ next: 5n, events: [replay(first)] }))).toMatchObject({ is: 'accepted', intents: 1 })
    expect([await cursorOf(id), await progress()]).toEqual([5n, 0n])
    // The same chunk again, as after a connection that was lost at COMMIT.
    expect(await writer.accept(chunk({ next: 5n, events: [replay(first)] }))).toEqual({ is: 'moved', row: 5n })
    const other = { ...first, contentHash: Buffer.from('other') }
    expect(await writer.accept(chunk({ expected: 5n, next: 6n, events: [replay(other)] }))).toEqual({ is: 'conflict', offsets: [0n] })
    expect(await cursorOf(id)).toBe(5n)
  })

  it('revives what ended without effect, once, and leaves everything else alone', async () => {
    const states = ['sent', 'delivered', 'held', 'pending', 'skipped', 'dead', 'rejected', 'cancelled'] as const
    const events = states.map((_, at) => event(BigInt(at), [mail(`${group} ${at}`, { userId: randomUUID() })]))
    await store.accept(chunk({ next: 8n, events }))
    for (const [at, state] of states.entries()) {
      await db.sql.query(`UPDATE worker.intents SET state = $2, reason = 'r' WHERE key = $1`, [`${group} ${at}`, state])
    }
    await db.sql.query(`UPDATE worker.intents SET state = 'skipped', reason = 'forgotten' WHERE key = $1`, [`${group} 7`])
    const id = await order()
    const writer = writerOf(await claimed())
    await writer.accept(chunk({ next: 8n, events: events.map(replay) }))
    const waiting = 'pending replay-waiting'
    expect(await after()).toEqual(['sent r', 'delivered r', 'held r', 'pending r', waiting, waiting, waiting, 'skipped forgotten'])
    await db.sql.query(`UPDATE worker.intents SET state = 'skipped', reason = 'r' WHERE key = $1`, [`${group} 4`])
    await writer.accept(chunk({ expected: 8n, next: 9n, events: [replay({ ...event(0n, []), ...events[4], offset: 8n })] }))
    expect((await after())[4]).toBe('skipped r')
    expect((await admin().find(id))?.counts).toEqual(
      sumCounts([
        { what: 'event', of: 'user.signed_up', as: 'repeated', count: 9 },
        ...(['skipped (r)', 'dead (r)', 'rejected (r)'] as const).map((as): ReplayCount => ({
          what: 'revived',
          of: 'mail welcome',
          as,
          count: 1,
        })),
        ...(['sent', 'delivered', 'held', 'unfinished', 'forgotten', 'this-replay'] as const).map((as): ReplayCount => ({
          what: 'spent',
          of: 'mail welcome',
          as,
          count: 1,
        })),
      ]),
    )
  })

  it('gives an event that had become a dead letter its effects', async () => {
    const letter = event(0n, [mail(randomUUID())])
    const { eventId, type, contentHash } = letter
    await store.accept(chunk({ next: 1n, passed: [{ offset: 0n, eventId, type, contentHash, reason: 'consumer-error' }] }))
    await order()
    await writerOf(await claimed()).accept(chunk({ next: 1n, events: [replay(letter)] }))
    expect(await outcomes()).toMatchObject([{ outcome: 'accepted', effects: [letter.drafts[0]?.key] }])
    expect(await intents()).toMatchObject([{ class: 'replay', state: 'pending', reason: 'replay-waiting' }])
  })

  it('requests a recalculation for events that are new alone', async () => {
    const draft: IntentDraft = {
      kind: 'recalculate',
      version: 1,
      channel: 'leaderboard',
      key: group,
      coalesce: true,
      campaignId: campaign,
      data: {},
    }
    const [known, fresh] = [event(0n, [draft]), event(1n, [draft])]
    await store.accept(chunk({ next: 1n, events: [known] }))
    await db.sql.query('DELETE FROM worker.intents WHERE key = $1', [group])
    await order()
    const writer = writerOf(await claimed())
    await writer.accept(chunk({ next: 1n, events: [replay(known)] }))
    expect(await intents()).toEqual([])
    await writer.accept(chunk({ expected: 1n, next: 2n, events: [replay(fresh)] }))
    expect(await intents()).toMatchObject([{ key: group, class: 'replay', state: 'pending', reason: null }])
  })

  it('skips mails beyond the cap of a person, over all replays of a day', async () => {
    const somebody = randomUUID()
    const mails = (from: number, count: number) =>
      Array.from({ length: count }, (_, at) => replay(event(BigInt(from + at), [mail(randomUUID(), { userId: somebody })])))
    const first = await order({ cap: 2 })
    await writerOf(await claimed()).accept(chunk({ next: 1n, events: mails(0, 1) }))
    await moveReplay(admin(), first, 'pause', act)
    const second = await order({ cap: 2 })
    await writerOf(await claimed()).accept(chunk({ next: 3n, events: mails(0, 3) }))
    expect((await intents()).map(({ state, reason }) => `${String(state)} ${String(reason)}`).toSorted()).toEqual([
      'pending replay-waiting',
      'pending replay-waiting',
      'skipped replay-cap',
      'skipped replay-cap',
    ])
    expect((await admin().find(second))?.counts).toContainEqual({ what: 'capped', of: 'mail welcome', as: null, count: 2 })
  })
})

it('a job reads again from its cursor when a failover has set that back, also behind records that it does not select', async () => {
  await order({ ranges: [{ partition: 0, from: 0n, to: 6n, next: 0n }] })
  const job = await claimed()
  const signUps = [1, 2, 3, 4, 5, 6].map((n) => sampleEvent('user.signed_up', n))
  const selected = [0, 1, 4, 5].map((index) => signUps[index]?.id ?? '')
  let isSetBack = false
  // Two records at a time, from where the job continues.
  const read: RangeReader = async ({ topic }, onBatch, signal) => {
    for (let at = 0n; at < 6n && !signal.aborted;) {
      const records = signUps.slice(Number(at), Number(at) + 2).map((signUp, index) => recordOfEvent(Number(at) + index, signUp))
      const assignment = { epoch: 1, topic, partitions: [0], signal }
      at = await onBatch({ topic, partition: 0, records, nextOffset: at + 2n, highWatermark: 6n, assignment })
      if (at !== 2n || isSetBack) continue
      isSetBack = true
      await db.sql.query('UPDATE worker.replay_ranges SET next_offset = 0 WHERE job_id = $1', [job.id])
      await db.sql.query('DELETE FROM worker.intents WHERE group_name = $1', [group])
      await db.sql.query('DELETE FROM worker.outcomes WHERE group_name = $1', [group])
    }
  }
  const end = await readReplay(
    {
      ...job,
      filter: { ...job.filter, events: selected },
      consumer: { name: group, types: ['user.*'], accept: ({ id }) => [mail(key(id))], kinds: [] },
      reader: { maxEventBytes: 100_000, chunkEvents: 10, chunkBytes: 100_000, dedupeHorizon: () => 0 },
      store: writerOf(job),
      pace: () => Promise.resolve(),
      read,
      clock: createAutoAdvancingClock(),
    },
    new AbortController().signal,
  )
  expect(end).toBe('read')
  expect(new Set((await intents()).map((row) => row['key']))).toEqual(new Set(selected.map(key)))
  expect(await cursorOf(job.id)).toBe(6n)
})

describe('a dry run', () => {
  it('counts what the execution then does, however the range is cut, and writes nothing', async () => {
    const somebody = randomUUID()
    const known = event(0n, [mail(key('sent'))])
    const skipped = event(1n, [mail(key('skipped'))])
    await store.accept(chunk({ next: 2n, events: [known, skipped] }))
    await db.sql.query(`UPDATE worker.intents SET state = 'sent' WHERE key = $1`, [key('sent')])
    await db.sql.query(`UPDATE worker.intents SET state = 'skipped', reason = 'stale' WHERE key = $1`, [key('skipped')])
    const twice = event(2n, [mail(key('twice'), { userId: somebody })])
    const list = [
      known,
      skipped,
      twice,
      { ...twice, offset: 3n },
      event(4n, [mail(key('twice'), { userId: somebody })]),
      event(5n, [mail(key('sent'))]),
      event(6n, []),
      event(7n, [mail(key('more'), { userId: somebody })]),
      { ...skipped, offset: 8n },
    ].map(replay)
    const before = [await intents(), await outcomes()]
    const rehearsed = async (size: number) => {
      const seen: Rehearsed[] = []
      const dry = createRehearsalStore(db, { cap: 1, mailChannels, onRehearsed: async (one) => void seen.push(one) })
      for (let at = 0; at < list.length; at += size) {
        await dry.accept(chunk({ expected: BigInt(at), next: BigInt(at + size), events: list.slice(at, at + size) }))
      }
      return {
        counts: sumCounts(...seen.map(({ counts }) => counts)),
        keys: seen.flatMap((one) => one.intents.map((intent) => intent.key)),
      }
    }
    const plan = await rehearsed(9)
    for (const size of [1, 2, 4]) expect(await rehearsed(size)).toEqual(plan)
    expect([await intents(), await outcomes()]).toEqual(before)
    expect(plan.keys.toSorted()).toEqual([key('skipped'), key('twice')].toSorted())

    const id = await order({ cap: 1 })
    const writer = writerOf(await claimed())
    for (const [at, one] of list.entries()) await writer.accept(chunk({ expected: BigInt(at), next: BigInt(at + 1), events: [one] }))
    expect((await admin().find(id))?.counts).toEqual(plan.counts)
  })
})
