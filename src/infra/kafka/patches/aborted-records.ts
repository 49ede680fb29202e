import Broker from 'kafkajs/src/broker/index.js'

/** The method as kafkajs ships it; a test compares its text, so that a new version is reviewed before it is patched. */
// oxlint-disable-next-line typescript/unbound-method -- called with the broker as `this`
export const unpatchedBrokerFetch = Broker.prototype.fetch

/** The header of a record batch, which kafkajs attaches to each of the batch's records. */
export interface BatchHead {
  readonly firstOffset: string
  readonly lastOffsetDelta: number
  readonly producerId: string
  readonly inTransaction: boolean
  readonly isControlBatch: boolean
}

/** What `producerId` wrote from `firstOffset` to its next abort marker was aborted. */
export interface AbortedTransaction {
  readonly producerId: string
  readonly firstOffset: string
}

/**
 * The rule of `read_committed`: decides for each record batch of one fetched partition, in the order of the log, whether it is part of an
 * aborted transaction. A transaction begins with the first batch that reaches its first offset, whichever producer wrote that batch, and
 * ends at its producer's abort marker. A fetch that starts inside several transactions therefore begins all of them at once. Commit markers
 * change nothing: the broker lists only aborted transactions, and a producer's next transaction may follow a commit.
 *
 * @param transactions the aborted transactions that the broker listed in its response, in any order
 * @returns a function of a batch's header and of the key of its first record, which is read only if the batch is a marker
 */
export function abortedBatches(transactions: readonly AbortedTransaction[]): (head: BatchHead, firstKey: () => Buffer | null) => boolean {
  const ahead = transactions
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : Number(a.firstOffset > b.firstOffset)))
  const aborted = new Set<string>()
  let begun = 0
  return (head, firstKey) => {
    const lastOffset = BigInt(head.firstOffset) + BigInt(head.lastOffsetDelta)
    for (let next = ahead[begun]; next !== undefined && next.firstOffset <= lastOffset; next = ahead[begun]) {
      aborted.add(next.producerId)
      begun += 1
    }
    if (head.isControlBatch) {
      if (isAbort(firstKey())) aborted.delete(head.producerId)
      return false
    }
    return head.inTransaction && aborted.has(head.producerId)
  }
}

/**
 * Hides the records of aborted transactions. kafkajs 2.2.4 compares each record with the first transaction of the list only and begins one
 * per record: where transactions of several producers overlap, it delivers aborted records to the application. This patch marks them as
 * control records, which kafkajs skips while it advances the offset.
 */
export function patchAbortedRecords(): void {
  Broker.prototype.fetch = fetchCommitted
}

const fetchCommitted: typeof unpatchedBrokerFetch = async function fetch(request) {
  const reply = await unpatchedBrokerFetch.call(this, request)
  for (const { partitions } of reply.responses) {
    for (const partition of partitions) {
      // Absent in protocol versions without transactions.
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
    // The records of a batch share one header.
    if (record.batchContext !== head) {
      head = record.batchContext
      hidden = isAborted(head, () => record.key)
    }
    if (hidden) record.isControlRecord = true
  }
}

/** The key of a marker holds a version and a type of 16 bits each. */
function isAbort(key: Buffer | null): boolean {
  return key !== null && key.length >= 4 && key.readInt16BE(2) === ABORT
}

const ABORT = 0

interface FetchedRecord {
  readonly key: Buffer | null
  readonly batchContext: BatchHead
  isControlRecord: boolean
}
