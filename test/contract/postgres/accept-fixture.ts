import { createHash, randomUUID } from 'node:crypto'
import type { IntentDraft } from '../../../src/model/intent.ts'
import { createAcceptStore } from '../../../src/infra/postgres/ingest/postgres-accept-store.ts'
import type { AcceptedEvent, AcceptResult, AcceptStore, Chunk } from '../../../src/ingest/accept-store.ts'
import { freshGroupName } from '../../support/fresh.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

export let db: MigratedDatabase
export let store: AcceptStore
/** The group of the test that runs. */
export let group: string

/** Opens the database and the store of a test file. */
export async function openAcceptStore(): Promise<void> {
  db = await migratedDatabase()
  store = createAcceptStore(db)
}

export async function closeAcceptStore(): Promise<void> {
  await db.close()
}

/** Begins a group that has accepted nothing yet, at offset 0 of partition 0. */
export async function startGroup(): Promise<void> {
  group = freshGroupName()
  await store.createProgress(group, 'topic', [{ partition: 0, next: 0n, exemptBelow: 0n }])
}

export const campaign = randomUUID()
export const user = randomUUID()

export function event(offset: bigint, drafts: readonly IntentDraft[]): AcceptedEvent {
  const eventId = randomUUID()
  return { offset, eventId, type: 'user.signed_up', at: new Date('2026-01-02T03:04:05.678Z'), contentHash: hash(eventId), drafts }
}

export function mail(key: string): IntentDraft {
  return { kind: 'mail.welcome', version: 1, channel: 'email', key, campaignId: campaign, userId: user, data: { note: 'it\'s "a\\b" {}' } }
}

export function recalculation(key: string): IntentDraft {
  return { kind: 'leaderboard.recalculate', version: 1, channel: 'leaderboard', key, coalesce: true, campaignId: campaign, data: {} }
}

/** What no caller could write in TypeScript. */
export function foreign(value: unknown): never {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the point of it
  return value as never
}

export function hash(text: string): Uint8Array {
  return createHash('sha256').update(text).digest()
}

export function chunk(change: Partial<Chunk> & { next: bigint }): Chunk {
  return { group, topic: 'topic', partition: 0, expected: 0n, recoverBelow: 0n, events: [], passed: [], reservation: null, ...change }
}

export function outcomesOf(result: AcceptResult): unknown {
  return result.is === 'accepted' ? Object.fromEntries(result.outcomes) : result
}

export async function progress(): Promise<bigint | undefined> {
  return (await store.readProgress(group, 'topic'))[0]?.next
}

export async function outcomes() {
  return db.sql.query<Record<string, unknown>>(
    `SELECT event_id, type, partition, "offset", outcome, effects FROM worker.outcomes WHERE group_name = $1 ORDER BY "offset"`,
    [group],
  )
}

export async function intents() {
  return db.sql.query<Record<string, unknown>>(`SELECT * FROM worker.intents WHERE group_name = $1 ORDER BY id`, [group])
}
