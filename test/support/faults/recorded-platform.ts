import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { createPlatformWriter } from '../../../cmd/demo/platform-writer.ts'
import type { PlatformWriter } from '../../../cmd/demo/platform-writer.ts'
import type { Write } from '../../../cmd/demo/step.ts'
import type { EventTransport } from '../../../src/events/event-transport.ts'
import { SqlError, type Database } from '../../../src/std/sql.ts'
import type { Sql } from '../../../src/std/sql.ts'
import type { Change } from '../../invariants/history.ts'
import type { Recorder } from './recorder.ts'

/** A platform that outlasts what is broken, as one with an outbox would: it tries again until `signal` aborts, and each thing is done once. */
export interface PlatformOptions {
  readonly recorder: Recorder
  readonly signal: AbortSignal
}

/** Writes rows as the demo's platform does, each transaction once however often the database goes away, and records what it changed. */
export function recordedWriter(database: Database, epoch: Date, { recorder, signal }: PlatformOptions): PlatformWriter {
  const writer = createPlatformWriter({ ...database, transaction: (work) => once(database, work, signal) }, epoch)
  return {
    begin: (setting, address) => writer.begin(setting, address),
    async write(writes, at) {
      const from = Date.now()
      await writer.write(writes, at)
      const done = Date.now()
      for (const change of writes.flatMap((write) => changeOf(write, at, epoch))) recorder.record({ is: 'change', from, at: done, change })
    },
  }
}

/** Appends as `transport` does, and records what was acknowledged. Without a reply the same is sent again: readers know events by their id. */
export function recordedTransport(transport: EventTransport, hasIds: boolean, { recorder, signal }: PlatformOptions): EventTransport {
  return {
    async send(topic, messages) {
      await outlast(() => transport.send(topic, messages), signal)
      const at = Date.now()
      for (const { value } of messages) {
        const eventId = hasIds ? idIn(value) : null
        recorder.record({ is: 'acked', at, eventId, valueSha256: createHash('sha256').update(value).digest('hex') })
      }
    },
  }
}

/** Where a transaction leaves word that it committed, for when the connection is lost at COMMIT. */
export async function createReceipts(sql: Sql): Promise<void> {
  await sql.query('CREATE SCHEMA IF NOT EXISTS demo')
  await sql.query('CREATE TABLE IF NOT EXISTS demo.receipts (id uuid PRIMARY KEY)')
}

function once<Result>(database: Database, work: (tx: Sql) => Promise<Result>, signal: AbortSignal): Promise<Result> {
  const receipt = randomUUID()
  let result: { readonly value: Result } | undefined
  return outlast(
    async () => {
      if (result !== undefined) {
        const found = await database.sql.query('SELECT FROM demo.receipts WHERE id = $1', [receipt])
        if (found.length > 0) return result.value
      }
      return database.transaction(async (tx) => {
        await tx.query('INSERT INTO demo.receipts (id) VALUES ($1)', [receipt])
        const value = await work(tx)
        result = { value }
        return value
      })
    },
    signal,
    isAway,
  )
}

/** Lost connections, a server that shuts down, starts, has no room or takes no writes; locks that do not come, and rings of them: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isAway(error: unknown): boolean {
  return error instanceof SqlError && (error.state === undefined || /^(08|53|57P|25006|55P03|40P01)/.test(error.state))
}

async function outlast<Result>(
  work: () => Promise<Result>,
  signal: AbortSignal,
  isWorthIt: (error: unknown) => boolean = () => true,
): Promise<Result> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (signal.aborted || !isWorthIt(error)) throw error
      // At an abort the next try is the last.
      await pause(200, undefined, { signal }).catch(() => undefined)
    }
  }
}

function idIn(value: Buffer): string | null {
  return /"id":"([0-9a-f-]{36})"/.exec(value.toString('utf8'))?.[1] ?? null
}

/** What the checker has to know of a write; a referral that nobody has confirmed yet changes nothing that is promised. */
function changeOf(write: Write, at: Date, epoch: Date): Change['change'][] {
  switch (write.is) {
    case 'join': {
      const { id: userId, campaignId, email, originalPosition, consent, joinedAt } = write.person
      const createdAt = epoch.getTime() + joinedAt
      return [{ is: 'join', userId, campaignId, email, originalPosition, createdAt, consent, verifiedAt: null }]
    }
    case 'verify':
      return [{ is: 'verify', userId: write.personId, verifiedAt: at.getTime() }]
    case 'leave':
      return [{ is: 'leave', userId: write.personId }]
    case 'confirm': {
      const { id: referralId, referrerId, referredId } = write.referral
      return [{ is: 'confirm', referralId, referrerId, referredId }]
    }
    case 'grant':
      return [{ is: 'grant', userRewardId: write.grant.id, userId: write.grant.personId, rewardId: write.grant.rewardId }]
    case 'refer':
    default:
      return []
  }
}
