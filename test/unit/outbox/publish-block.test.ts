import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OutboxRecord, Refusal, SendOutcome } from '../../../src/outbox/outbox-sender.ts'
import type { OutboxRow } from '../../../src/outbox/outbox-session.ts'
import { publishBlock } from '../../../src/outbox/publish-block.ts'
import { allOrNothing } from '../../support/send-outcome.ts'

const tooLarge: Refusal = { of: 'records', reason: 'too-large', sentence: 'too large' }
const unknownTopic: Refusal = { of: 'topic', reason: 'unknown-topic', sentence: 'no such topic' }

function row(position: number, more: Partial<OutboxRow> = {}): OutboxRow {
  const text = String(position)
  const base = { id: text, topic: 'events', key: 'key', type: 'user.signed_up', headers: {}, payload: text, bytes: text.length }
  return { position: text, ...base, ...more }
}

/** A broker that refuses a list with any of `bad` in it, and appends nothing of that list. */
function createLog(bad: readonly string[] = [], topics: readonly string[] = ['events', 'others']) {
  const appended: string[] = []
  let sends = 0
  const { send } = allOrNothing(async (topic, records) => {
    sends++
    if (!topics.includes(topic)) return unknownTopic
    const values = records.map(({ value }) => value.toString())
    if (values.some((value) => bad.includes(value))) return tooLarge
    appended.push(...values)
    return null
  })
  return { appended, sends: () => sends, send }
}

/** A broker with a partition for each key, which answers for each by itself. */
function createPartitions(answer: (key: string, values: readonly string[]) => 'acknowledged' | 'unknown' | 'unsent', more: object = {}) {
  const appended: string[] = []
  const send = async (_: string, records: readonly OutboxRecord[]): Promise<SendOutcome<OutboxRecord>> => {
    const parts = [...Map.groupBy(records, ({ key }) => key)]
    const answers = parts.map(([key, part]) => ({
      part,
      is: answer(
        key,
        part.map(({ value }) => value.toString()),
      ),
    }))
    const those = (is: string) => answers.filter((one) => one.is === is).flatMap(({ part }) => part)
    appended.push(...[...those('acknowledged'), ...those('unknown')].map(({ value }) => value.toString()))
    const isWhole = answers.every(({ is }) => is === 'acknowledged')
    return { acknowledged: those('acknowledged'), unknown: those('unknown'), ...(isWhole ? {} : more) }
  }
  return { appended, send }
}

async function failAtOthers(topic: string): Promise<null> {
  if (topic === 'others') throw new Error('no broker answers')
  return null
}

const ours = () => true
const positions = (rows: readonly OutboxRow[]) => rows.map(({ position }) => position)

describe('a block', () => {
  it('is sent at once, in its order, with key, bytes and headers of each row', async () => {
    const sent: (readonly OutboxRecord[])[] = []
    const { send } = allOrNothing(async (_, records) => {
      sent.push(records)
      return null
    })
    const rows = [row(1, { headers: { 'event-type': 'user.signed_up', odd: 7 } }), row(2, { key: 'other' })]
    const outcome = await publishBlock(rows, { send }, ours)
    expect(outcome).toEqual({ published: rows, repeated: [], failed: [], unknown: [], trouble: undefined })
    expect(sent).toEqual([
      [
        { key: 'key', value: Buffer.from('1'), headers: { 'event-type': 'user.signed_up', odd: '7' } },
        { key: 'other', value: Buffer.from('2'), headers: {} },
      ],
    ])
  })

  it('loses nothing but the rows at fault, which are named, and keeps its order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.integer({ min: 0, max: 59 }), { maxLength: 6 }),
        async (count, picks) => {
          const rows = Array.from({ length: count }, (_, index) => row(index))
          const bad = [...new Set(picks.filter((index) => index < count).map(String))]
          const log = createLog(bad)
          const { published, failed, unknown, trouble } = await publishBlock(rows, log, ours)
          const good = positions(rows).filter((position) => !bad.includes(position))
          expect(log.appended).toEqual(good)
          expect(positions(published)).toEqual(good)
          expect(new Set(failed.map(({ row: { position }, reason }) => `${position} ${reason}`))).toEqual(
            new Set(bad.map((position) => `${position} too-large`)),
          )
          expect([unknown, trouble]).toEqual([[], undefined])
        },
      ),
    )
  })

  it('fails all rows of a topic that does not exist by one send, and publishes those of others', async () => {
    const log = createLog()
    const rows = [row(1, { topic: 'gone' }), row(2), row(3, { topic: 'gone' }), row(4, { topic: 'others' })]
    const { published, failed } = await publishBlock(rows, log, ours)
    expect([positions(published), failed.map(({ row, error }) => [row.position, error])]).toEqual([
      ['2', '4'],
      [
        ['1', 'no such topic'],
        ['3', 'no such topic'],
      ],
    ])
    expect(log.sends()).toBe(3)
  })

  it('sends neither an event that is not in the catalogue nor one that is too large to read', async () => {
    const log = createLog()
    const rows = [row(1, { type: 'user.renamed' }), row(2), row(3, { payload: null, bytes: 99_000_000 })]
    const { published, failed } = await publishBlock(rows, log, ours)
    expect(positions(published)).toEqual(['2'])
    expect(failed.map(({ reason }) => reason)).toEqual(['unknown-event', 'too-large'])
    expect(failed[0]?.error).toMatch(/"user\.renamed" is not in the catalogue.*workerctl outbox requeue --type user\.renamed/)
    expect(failed[1]?.error).toMatch(/99000000 bytes, more than the 8388608/)
  })

  it('ends a topic where Kafka does not answer: what was sent is unknown, what comes after it was not sent; other topics go on', async () => {
    const rows = [row(1), row(2, { topic: 'others' }), row(3, { topic: 'third' })]
    const { published, unknown, trouble } = await publishBlock(rows, allOrNothing(failAtOthers), ours)
    expect([positions(published), positions(unknown), String(trouble)]).toEqual([['1', '3'], ['2'], 'Error: no broker answers'])
  })

  it('publishes what other partitions have acknowledged, where one takes nothing', async () => {
    const rows = [row(1, { key: 'a' }), row(2, { key: 'b' }), row(3, { key: 'c' }), row(4, { key: 'a' })]
    const why = { trouble: new Error('fewer in-sync replicas') }
    const log = createPartitions((key) => (key === 'b' ? 'unsent' : key === 'c' ? 'unknown' : 'acknowledged'), why)
    const { published, repeated, unknown, trouble } = await publishBlock(rows, log, ours)
    expect([positions(published), positions(unknown), positions(repeated), trouble]).toEqual([['1', '4'], ['3'], [], why.trouble])
  })

  it('sends again what is not acknowledged only, to find the row at fault, and counts what it repeats', async () => {
    const rows = [row(1, { key: 'a' }), row(2, { key: 'b' }), row(3, { key: 'b' }), row(4, { key: 'c' })]
    let sends = 0
    const log = createPartitions(
      (key, values) => {
        sends++
        if (key === 'b') return values.includes('3') ? 'unsent' : 'acknowledged'
        return key === 'c' && sends <= 3 ? 'unknown' : 'acknowledged'
      },
      { refusal: tooLarge },
    )
    const { published, repeated, failed, unknown } = await publishBlock(rows, log, ours)
    expect([positions(published), positions(repeated), positions(failed.map((one) => one.row)), unknown]).toEqual([
      ['1', '2', '4'],
      ['4'],
      ['3'],
      [],
    ])
    expect(log.appended).toEqual(['1', '4', '2', '4'])
  })

  it('sends nothing more once the lock of its shard may be lost', async () => {
    const log = createLog(['1'])
    let left = 2
    const { published, failed } = await publishBlock([row(0), row(1), row(2), row(3)], log, () => left-- > 0)
    expect([log.sends(), positions(published), failed]).toEqual([2, [], []])
  })
})
