import { catalogue } from './catalogue/catalogue.ts'
import type { EventType } from './event.ts'

/** A connection on which the caller has begun a transaction: a client of `pg`, or anything else that sends `$1`-style statements. */
export interface OutboxClient {
  query(text: string, values: unknown[]): PromiseLike<unknown>
}

export interface InTransactionOptions {
  /**
   * `key`: locks the keys of the events until the transaction ends, so that transactions which overlap publish in the order in which they
   * commit; each waits for the one before. Without it that order holds for transactions that did not overlap.
   */
  readonly orderBy?: 'key'
}

/** An event as it will be sent. */
export interface OutboxEvent {
  readonly eventId: string
  readonly topic: string
  readonly type: EventType
  readonly key: string
  readonly value: Buffer
  readonly headers: Record<string, string>
}

/**
 * What writes events into `worker.outbox` in the caller's transaction, by one statement: they are published once it has committed, and never
 * if it is rolled back. Nothing is notified, so the transaction takes no lock beyond its rows. Errors of the client pass through: they have
 * ended the transaction.
 *
 * @throws {TypeError} for a pool of connections, for what is no client, and for options that do not exist
 */
export function outboxOf(client: OutboxClient, options: InTransactionOptions = {}): (events: readonly OutboxEvent[]) => Promise<void> {
  refusePool(client)
  refuseOtherOptions(options)
  return (events) => writeToOutbox(client, events, options)
}

async function writeToOutbox(client: OutboxClient, events: readonly OutboxEvent[], { orderBy }: InTransactionOptions): Promise<void> {
  if (events.length === 0) return
  if (orderBy === 'key') {
    // In one order everywhere, so that two lists with the same keys cannot wait for each other.
    const keys = [...new Set(events.map(({ key }) => key))].sort()
    // A statement of its own, so that positions are taken under the locks.
    await client.query(lockKeys, [JSON.stringify(keys)])
  }
  const rows = events.map(({ eventId, topic, type, key, value, headers }) => ({
    id: eventId,
    aggregatetype: catalogue[type].key.replace(/_id$/, ''),
    aggregateid: key,
    type,
    topic,
    headers,
    payload: value.toString('utf8'),
  }))
  await client.query(insertRows, [JSON.stringify(rows)])
}

/** The statements of a pool run on any of its connections: the event would be published even if the transaction is rolled back. */
function refusePool(client: OutboxClient): void {
  if (typeof client?.query !== 'function')
    throw new TypeError('inTransaction needs the client that sent BEGIN: an object with query(text, values).')
  if ('totalCount' in client && 'idleCount' in client) {
    throw new TypeError('inTransaction was given a pool, whose statements run outside your transaction: pass the client that sent BEGIN.')
  }
}

/** For callers without types: an option that is misspelt would silently publish in another order. */
function refuseOtherOptions(options: unknown): void {
  const given = typeof options === 'object' && options !== null ? Object.entries(options) : [['options', options]]
  if (given.every(([name, value]) => name === 'orderBy' && (value === undefined || value === 'key'))) return
  throw new TypeError("The options of inTransaction must be { orderBy: 'key' }, or be left out.")
}

// One parameter of type text, which every driver sends as it is; arrays and JSON are converted differently by each.
const lockKeys = `
SELECT pg_advisory_xact_lock(hashtextextended('kafka-worker:outbox:' || key, 0)) FROM jsonb_array_elements_text($1::text::jsonb) AS keys (key)`

const insertRows = `
INSERT INTO worker.outbox (id, aggregatetype, aggregateid, type, topic, headers, payload)
SELECT (row ->> 'id')::uuid, row ->> 'aggregatetype', row ->> 'aggregateid', row ->> 'type', row ->> 'topic', row -> 'headers', row ->> 'payload'
  FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS rows (row, place)
 ORDER BY place`
