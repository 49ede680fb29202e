import Broker from 'kafkajs/src/broker/index.js'

/** The method as kafkajs ships it; a test compares its text, so that a new version is looked at before it is guarded. */
// oxlint-disable-next-line typescript/unbound-method -- called with the broker as `this`
export const unguardedFetch = Broker.prototype.fetch

/** The head of a record batch, as kafkajs gives it to each of the batch's records. */
export interface BatchHead {
  readonly firstOffset: string
  readonly lastOffsetDelta: number
  readonly producerId: string
  readonly inTransaction: boolean
  readonly isControlBatch: boolean
}

/** A broker's word that what `producerId` wrote from `firstOffset` up to its next abort marker is not committed. */
export interface AbortedTransaction {
  readonly producerId: string
  readonly firstOffset: string
}

/**
 * The rule of `read_committed`, to be asked of every record batch of one fetched partition, in the order of the log: is it part of an aborted
 * transaction? A transaction is entered by the first batch that reaches its first offset, whoever wrote that batch, and is left at its
 * producer's abort marker. So a fetch that begins inside several transactions enters all of them at once. Commit markers change nothing: the
 * broker names only transactions that were aborted, and a producer's next one may follow a commit.
 *
 * @param transactions what the broker named beside the records, in any order
 * @returns a function of a batch's head and of the key of its first record, which is read only if the batch is a marker
 */
export function abortedBatches(transactions: readonly AbortedTransaction[]): (head: BatchHead, firstKey: () => Buffer | null) => boolean {
  const ahead = transactions
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : Number(a.firstOffset > b.firstOffset)))
  const aborted = new Set<string>()
  let entered = 0
  return (head, firstKey) => {
    const lastOffset = BigInt(head.firstOffset) + BigInt(head.lastOffsetDelta)
    for (let next = ahead[entered]; next !== undefined && next.firstOffset <= lastOffset; next = ahead[entered]) {
      aborted.add(next.producerId)
      entered += 1
    }
    if (head.isControlBatch) {
      if (isAbort(firstKey())) aborted.delete(head.producerId)
      return false
    }
    return head.inTransaction && aborted.has(head.producerId)
  }
}

/**
 * Hides the records of aborted transactions. kafkajs 2.2.4 compares each record with the first transaction of the list only and enters one
 * per record: where transactions of several producers overlap, records of an aborted one are given to the application. They are marked as
 * control records here, which kafkajs passes as if they were not there, positions included.
 */
export function patchAbortedRecords(): void {
  Broker.prototype.fetch = fetchCommitted
}

const fetchCommitted: typeof unguardedFetch = async function fetch(request) {
  const reply = await unguardedFetch.call(this, request)
  for (const { partitions } of reply.responses) {
    for (const partition of partitions) {
      // Absent in the versions of the protocol that know no transactions.
      const { abortedTransactions } = partition
      if (!abortedTransactions || abortedTransactions.length === 0) continue
      hideAborted(partition.messages, abortedTransactions)
      partition.abortedTransactions = []
    }
  }
  return reply
}

function hideAborted(records: readonly FetchedRecord[], transactions: readonly AbortedTransaction[]): void {
  const isAborted = abortedBatches(transactions)
  let head: BatchHead | undefined
  let hidden = false
  for (const record of records) {
    // The records of a batch share one head.
    if (record.batchContext !== head) {
      head = record.batchContext
      hidden = isAborted(head, () => record.key)
    }
    if (hidden) record.isControlRecord = true
  }
}

/** A marker's key: a version and a type, 16 bits each. */
function isAbort(key: Buffer | null): boolean {
  return key !== null && key.length >= 4 && key.readInt16BE(2) === ABORT
}

const ABORT = 0

interface FetchedRecord {
  readonly key: Buffer | null
  readonly batchContext: BatchHead
  isControlRecord: boolean
}
