import { createRequire } from 'node:module'
import type { Batch } from 'kafkajs'
import Broker from 'kafkajs/src/broker/index.js'
import { patchAbortedRecords, unpatchedBrokerFetch } from '../../src/infra/kafka/patches/aborted-records.ts'
import { registerCodecs } from '../../src/infra/kafka/patches/codecs.ts'
import { patchRecordSets, unpatchedDecode } from '../../src/infra/kafka/patches/record-set.ts'
import { slicesOf } from '../../src/infra/kafka/records/partition-batch.ts'
import type { LogRecord } from '../../src/ingest/record-source.ts'
import { fieldsOf } from './record-batch.ts'

/** What a fetch of one partition yields: its records, and the offset at which the partition continues. */
export interface Reading {
  /** Without their leader epochs, which kafkajs does not return. */
  readonly records: readonly LogRecord[]
  /** Of each record. */
  readonly leaderEpochs: readonly (number | undefined)[]
  readonly nextOffset: bigint
}

/** The bytes of a fetch response (version 11) of one partition, after its correlation id. */
export interface FetchedBytes {
  readonly response: Buffer
  readonly fetchedOffset: bigint
}

/** Reads a response as this program does, through everything that it patches of kafkajs. */
export function readPatched(fetched: FetchedBytes): Promise<Reading> {
  return read(fetched, patchedResponse, patchedFetch)
}

/** Reads a response as kafkajs does without our patches; only its records are brought into our form. */
export function readByKafkajs(fetched: FetchedBytes): Promise<Reading> {
  return read(fetched, kafkajsResponse, unpatchedBrokerFetch)
}

/** The most of a value that is kept: all of it. */
const MAX_EVENT_BYTES = 2 ** 30

async function read(
  { response, fetchedOffset }: FetchedBytes,
  decoder: ResponseDecoder,
  fetch: typeof unpatchedBrokerFetch,
): Promise<Reading> {
  const connectionPool = { send: () => decoder.decode(response) }
  const broker: object = Object.assign(Object.create(Broker.prototype), { connectionPool, lookupRequest: () => () => null })
  const reply = await fetch.call(broker, { topics: [] })
  const partition = reply.responses[0]?.partitions[0]
  if (partition === undefined) throw new Error('the response holds no partition')
  const batch = new KafkajsBatch('topic', String(fetchedOffset), partition)
  if (batch.isEmptyDueToFiltering()) return { records: [], leaderEpochs: [], nextOffset: BigInt(batch.lastOffset()) + 1n }
  const records: LogRecord[] = []
  const leaderEpochs: (number | undefined)[] = []
  let nextOffset = fetchedOffset
  for await (const slice of slicesOf(batch, MAX_EVENT_BYTES)) {
    for (const record of slice.records) {
      const { leaderEpoch, ...others } = fieldsOf(record)
      records.push(others)
      leaderEpochs.push(leaderEpoch)
    }
    nextOffset = slice.nextOffset
  }
  return { records, leaderEpochs, nextOffset }
}

/** A fetch response with one partition. https://kafka.apache.org/protocol#The_Messages_Fetch */
export function fetchResponse(
  recordSet: Buffer,
  aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[],
): Buffer {
  const head = Buffer.alloc(59 + 16 * aborted.length)
  let at = 10
  at = head.writeInt32BE(1, at)
  at = head.writeInt16BE(1, at)
  at = head.writeUInt8(0x74, at)
  at = head.writeInt32BE(1, at)
  // Partition and error code.
  at += 6
  at = head.writeBigInt64BE(2n ** 62n, at)
  at = head.writeBigInt64BE(2n ** 62n, at)
  at = head.writeBigInt64BE(0n, at)
  at = head.writeInt32BE(aborted.length, at)
  for (const { producerId, firstOffset } of aborted) {
    at = head.writeBigInt64BE(producerId, at)
    at = head.writeBigInt64BE(firstOffset, at)
  }
  at = head.writeInt32BE(-1, at)
  const size = Buffer.alloc(4)
  size.writeInt32BE(recordSet.length)
  return Buffer.concat([head.subarray(0, at), size, recordSet])
}

interface ResponseDecoder {
  decode(response: Buffer): Promise<Awaited<ReturnType<typeof unpatchedBrokerFetch>>>
}

interface FetchedBatch extends Batch {
  isEmptyDueToFiltering(): boolean
}

const require = createRequire(import.meta.url)
const KafkajsBatch: new (topic: string, fetchedOffset: string, partition: object) => FetchedBatch = require('kafkajs/src/consumer/batch.js')

/** kafkajs takes its decoder of record sets from Node's module cache when it loads a version of the response. */
function loadResponse(prepare: () => void): ResponseDecoder {
  prepare()
  const path = require.resolve('kafkajs/src/protocol/requests/fetch/v11/response.js')
  Reflect.deleteProperty(require.cache, path)
  return require(path)
}

registerCodecs()
const kafkajsResponse = loadResponse(() => {
  const module = require.cache[require.resolve('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js')]
  if (module !== undefined) module.exports = unpatchedDecode
})
const patchedResponse = loadResponse(patchRecordSets)
patchAbortedRecords()
// oxlint-disable-next-line typescript/unbound-method -- called with the broker as `this`
const patchedFetch = Broker.prototype.fetch
