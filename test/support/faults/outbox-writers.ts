import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import type { Random } from '../../../cmd/demo/random.ts'
import { createPublisher } from '../../../src/events/publisher.ts'
import type { TypedInput } from '../../../src/events/publisher-input.ts'

/** What the platform has done: the events of committed transactions, and of those that it rolled back. */
export interface Written {
  readonly committed: ReadonlySet<string>
  readonly rolledBack: ReadonlySet<string>
  /** By key, the ids of committed events in the order that is promised. */
  readonly order: ReadonlyMap<string, readonly string[]>
}

/** The keys that every writer uses; all other keys have one writer, whose transactions never overlap. */
const SHARED_KEYS = 4
const OWN_KEYS = 8

/**
 * Writers that publish in transactions, each on a connection of its own, until `events` are committed in all. One transaction in ten is
 * rolled back. Those on shared keys overlap, and order by the key.
 */
export async function writeOutbox(of: {
  readonly databaseUrl: string
  readonly topic: string
  readonly events: number
  readonly writers: number
  readonly random: Random
  /** Between two transactions of a writer. */
  pause(): Promise<void>
}): Promise<Written> {
  const publisher = createPublisher({ transport: { send: () => Promise.reject(new Error('only in transactions')) }, topic: of.topic })
  const accountId = randomUUID()
  const committed = new Set<string>()
  const rolledBack = new Set<string>()
  const order = new Map<string, string[]>()
  const shared = Array.from({ length: SHARED_KEYS }, () => randomUUID())
  /** Of committed transactions on shared keys: when they held the lock. */
  const held: { readonly at: number; readonly key: string; readonly ids: readonly string[] }[] = []
  let left = of.events

  async function write(client: Client, keys: readonly string[]): Promise<void> {
    const isShared = of.random.below(4) === 0
    const key = (isShared ? shared : keys)[of.random.below(isShared ? SHARED_KEYS : keys.length)] ?? ''
    const isKept = of.random.below(10) > 0
    const count = Math.min(1 + of.random.below(100), isKept ? left : 100)
    if (isKept) left -= count
    const events: TypedInput[] = Array.from({ length: count }, () => ({
      type: 'campaign.milestone_reached',
      accountId,
      campaignId: key,
      milestone: randomUUID(),
      participantCount: 1,
    }))
    await client.query('BEGIN')
    const published = await publisher.inTransaction(client, isShared ? { orderBy: 'key' } : {}).publishMany(events)
    const { rows } = await client.query<{ at: number }>('SELECT extract(epoch FROM clock_timestamp())::float8 AS at')
    await client.query(isKept ? 'COMMIT' : 'ROLLBACK')
    const ids = published.map(({ eventId }) => eventId)
    for (const id of ids) (isKept ? committed : rolledBack).add(id)
    if (!isKept) return
    if (isShared) held.push({ at: rows[0]?.at ?? 0, key, ids })
    else order.set(key, [...(order.get(key) ?? []), ...ids])
  }

  async function writer(): Promise<void> {
    const client = new Client({ connectionString: of.databaseUrl })
    await client.connect()
    const keys = Array.from({ length: OWN_KEYS }, () => randomUUID())
    try {
      while (left > 0) {
        await write(client, keys)
        await of.pause()
      }
    } finally {
      await client.end()
    }
  }

  await Promise.all(Array.from({ length: of.writers }, writer))
  for (const { key, ids } of held.toSorted((one, other) => one.at - other.at)) order.set(key, [...(order.get(key) ?? []), ...ids])
  return { committed, rolledBack, order }
}
