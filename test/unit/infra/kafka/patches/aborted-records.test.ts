import { createRequire } from 'node:module'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { abortedBatches, unpatchedBrokerFetch } from '../../../../../src/infra/kafka/patches/aborted-records.ts'
import type { AbortedTransaction, BatchHead } from '../../../../../src/infra/kafka/patches/aborted-records.ts'
import { functionText } from '../../../../support/function-text.ts'

const require = createRequire(import.meta.url)
const unguardedFilter: (...parameters: never) => unknown = require('kafkajs/src/consumer/filterAbortedMessages.js')
const Batch: { toString(): string } = require('kafkajs/src/consumer/batch.js')

test('kafkajs’s functions are those that the patch was written for', () => {
  expect(functionText(unguardedFilter)).toMatchInlineSnapshot(
    `"({ messages, abortedTransactions }) => { const currentAbortedTransactions = new Map() if (!abortedTransactions || !abortedTransactions.length) { return messages } const remainingAbortedTransactions = [...abortedTransactions] return messages.filter(message => { if ( remainingAbortedTransactions.length && Long.fromValue(message.offset).gte(remainingAbortedTransactions[0].firstOffset) ) { const { producerId } = remainingAbortedTransactions.shift() currentAbortedTransactions.set(producerId, true) } const { producerId, inTransaction } = message.batchContext if (isAbortMarker(message)) { currentAbortedTransactions.delete(producerId) } else if (currentAbortedTransactions.has(producerId) && inTransaction) { return false } return true }) }"`,
  )
  expect(functionText(unpatchedBrokerFetch)).toMatchInlineSnapshot(
    `"async fetch({ replicaId, isolationLevel, maxWaitTime = 5000, minBytes = 1, maxBytes = 10485760, topics, rackId = '', }) { const fetch = this.lookupRequest(apiKeys.Fetch, requests.Fetch) const flattenedTopicPartitions = topics.reduce((topicPartitions, { topic, partitions }) => { partitions.forEach(partition => { topicPartitions.push({ topic, partition }) }) return topicPartitions }, []) const shuffledTopicPartitions = shuffle(flattenedTopicPartitions) const consolidatedTopicPartitions = shuffledTopicPartitions.reduce( (topicPartitions, { topic, partition }) => { const last = topicPartitions[topicPartitions.length - 1] if (last != null && last.topic === topic) { topicPartitions[topicPartitions.length - 1].partitions.push(partition) } else { topicPartitions.push({ topic, partitions: [partition] }) } return topicPartitions }, [] ) return await this[PRIVATE.SEND_REQUEST]( fetch({ replicaId, isolationLevel, maxWaitTime, minBytes, maxBytes, topics: consolidatedTopicPartitions, rackId, }) ) }"`,
  )
  expect(functionText(Batch)).toContain(
    'filterAbortedMessages({ messages: this.messagesWithinOffset, abortedTransactions, }).filter(message => !message.isControlRecord)',
  )
})

interface LoggedBatch {
  readonly head: BatchHead
  readonly key: Buffer
  /** Of the transaction that it is part of, decided when that ends. */
  readonly fate: { aborted: boolean; readonly first: bigint; last: bigint; readonly producerId: string }
}

/** A log as producers write it: each step is one batch or one marker. Every transaction has ended at its end. */
function written(
  steps: readonly { producer: number; act: 'write' | 'write-outside' | 'abort' | 'commit'; records: number }[],
): LoggedBatch[] {
  const log: LoggedBatch[] = []
  const open = new Map<number, LoggedBatch['fate']>()
  let offset = 0n
  const append = (
    producer: number,
    fate: LoggedBatch['fate'],
    part: { inTransaction: boolean; isControlBatch: boolean; records: number; key: Buffer },
  ) => {
    const head = { firstOffset: String(offset), lastOffsetDelta: part.records - 1, producerId: String(producer), ...part }
    log.push({ head, key: part.key, fate })
    offset += BigInt(part.records)
  }
  const end = (producer: number, aborted: boolean) => {
    const fate = open.get(producer)
    if (fate === undefined) return
    open.delete(producer)
    Object.assign(fate, { aborted, last: offset })
    const outside = { aborted: false, first: offset, last: offset, producerId: String(producer) }
    append(producer, outside, { inTransaction: true, isControlBatch: true, records: 1, key: Buffer.from([0, 0, 0, aborted ? 0 : 1]) })
  }
  for (const { producer, act, records } of steps) {
    const fresh = { aborted: false, first: offset, last: offset, producerId: String(producer) }
    // The bytes of an abort marker are an honest key elsewhere.
    const key = Buffer.from([0, 0, 0, 0])
    if (act === 'abort' || act === 'commit') end(producer, act === 'abort')
    else if (act === 'write-outside') append(producer, fresh, { inTransaction: false, isControlBatch: false, records, key })
    else {
      if (!open.has(producer)) open.set(producer, fresh)
      append(producer, open.get(producer) ?? fresh, { inTransaction: true, isControlBatch: false, records, key })
    }
  }
  for (const producer of open.keys()) end(producer, producer % 2 === 0)
  return log
}

const logs = fc
  .array(
    fc.record({
      producer: fc.integer({ min: 1, max: 4 }),
      act: fc.constantFrom('write', 'write', 'write', 'write-outside', 'abort', 'commit'),
      records: fc.integer({ min: 1, max: 3 }),
    } as const),
    { minLength: 1, maxLength: 40 },
  )
  .map(written)
  .filter((log) => log.length > 0)

/** What a broker names beside the records of a fetch: the aborted transactions that overlap with it. */
function named(log: readonly LoggedBatch[], fetched: readonly LoggedBatch[]): AbortedTransaction[] {
  const from = BigInt(fetched[0]?.head.firstOffset ?? 0)
  const last = fetched.at(-1)?.head
  const to = BigInt(last?.firstOffset ?? 0) + BigInt(last?.lastOffsetDelta ?? 0)
  return [...new Set(log.map(({ fate }) => fate))]
    .filter((fate) => fate.aborted && fate.first <= to && fate.last >= from)
    .map(({ producerId, first }) => ({ producerId, firstOffset: String(first) }))
}

test('exactly the aborted records of any log are dropped, whatever the fetch offset and the order of the transactions', () => {
  fc.assert(
    fc.property(logs, fc.nat(), fc.nat(), fc.boolean(), (log, begin, size, reversed) => {
      const from = begin % log.length
      const fetched = log.slice(from, from + 1 + (size % log.length))
      const transactions = named(log, fetched)
      const isAborted = abortedBatches(reversed ? transactions.toReversed() : transactions)
      expect(fetched.map(({ head, key }) => isAborted(head, () => key))).toEqual(fetched.map(({ fate }) => fate.aborted))
    }),
    { numRuns: 2_000 },
  )
})
