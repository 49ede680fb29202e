import type { Intent, IntentDraft } from '../../../model/intent.ts'
import type { Reservation } from '../../../model/reservation.ts'
import { SqlError, type Sql } from '../../../std/sql.ts'
import type { AcceptedEvent, Chunk, StaleIntents } from '../../../ingest/accept-store.ts'
import { intentColumns, intentOf, type IntentRow } from '../intents/intent-row.ts'
import { sqlArray } from '../../../std/sql-array.ts'

export interface Intended {
  readonly intents: number
  /** Events with drafts of which every one existed already. */
  readonly duplicates: readonly AcceptedEvent[]
  readonly claimed: readonly Intent[]
  readonly stale: readonly StaleIntents[]
}

interface Drafted {
  readonly event: AcceptedEvent
  readonly draft: IntentDraft
}

/**
 * Writes the intents of events, which come in log order. A draft under a key that exists does nothing; one that coalesces has its effect
 * even so, through the pending intent that has the key.
 */
export async function insertIntents(tx: Sql, chunk: Chunk, events: readonly AcceptedEvent[]): Promise<Intended> {
  const firsts = new Map<string, Drafted>()
  for (const event of events) {
    for (const draft of event.drafts) {
      const key = `${draft.coalesce === true}:${draft.key}`
      if (!firsts.has(key)) firsts.set(key, { event, draft })
    }
  }
  const [now, later] = shareOut([...firsts.values()], chunk.reservation)
  const { claimed, skipped } = await insertClaimed(tx, chunk, now)
  const inserted = new Set([...claimed, ...skipped].map((intent) => intent.key))
  const stale: StaleIntents[] = skipped.map(({ channel, kind }) => ({ channel, kind, count: 1 }))
  for (const coalesced of [true, false]) {
    const rows = later.filter(({ draft }) => (draft.coalesce === true) === coalesced)
    const written = await insertPending(tx, chunk, inOrder(rows), coalesced)
    for (const key of written.keys) inserted.add(key)
    stale.push(...written.stale)
  }

  const made = ({ event, draft }: Drafted) =>
    draft.coalesce === true || (inserted.has(draft.key) && firsts.get(`false:${draft.key}`)?.event === event)
  const duplicates = events.filter((event) => event.drafts.length > 0 && !event.drafts.some((draft) => made({ event, draft })))
  return { intents: inserted.size, duplicates, claimed, stale }
}

type Claimed = Drafted & { readonly owner: string; readonly leaseMs: number }

/**
 * Assigns live drafts to the free workers of their channel in their order; no campaign gets more than its share of the workers while
 * another could use one. Drafts that coalesce are never assigned: they must stay pending, so that later ones find them.
 */
function shareOut(drafted: readonly Drafted[], reservation: Reservation | null): readonly [readonly Claimed[], readonly Drafted[]] {
  if (reservation === null) return [[], drafted]
  const free = new Map(reservation.workers.map((slot) => [slot.channel, { ...slot, left: slot.count, held: new Map(slot.held) }]))
  const chosen = new Map<Drafted, Claimed>()
  const slotOf = ({ draft }: Drafted) =>
    draft.coalesce === true || (draft.class ?? 'live') !== 'live' ? undefined : free.get(draft.channel)
  for (const sharing of [true, false]) {
    for (const one of drafted) {
      const slot = slotOf(one)
      if (slot === undefined || slot.left < 1 || chosen.has(one)) continue
      const has = slot.held.get(one.draft.campaignId) ?? 0
      if (sharing && has >= slot.share) continue
      slot.left--
      slot.held.set(one.draft.campaignId, has + 1)
      chosen.set(one, { ...one, owner: reservation.owner, leaseMs: slot.leaseMs })
    }
  }
  return [[...chosen.values()], drafted.filter((one) => !chosen.has(one))]
}

const columns = `group_name, event_id, event_at, kind, version, channel, key, coalesce, class, campaign_id, user_id, destination, data,
  correlation_id, traceparent`

/** One row per element of arrays $2 to $15. */
const drafts = `
  SELECT $1, d.event_id, d.event_at, d.kind, d.version, d.channel, d.key, d.coalesce, d.class, d.campaign_id, d.user_id, d.destination, d.data,
         d.correlation_id, d.traceparent`
const drafted = `
  unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::int[], $6::text[], $7::text[], $8::boolean[], $9::text[], $10::uuid[], $11::uuid[],
         $12::text[], $13::jsonb[], $14::text[], $15::text[])`
const names = `event_id, event_at, kind, version, channel, key, coalesce, class, campaign_id, user_id, destination, data, correlation_id,
  traceparent`

/**
 * In one order, so that two chunks that write the same keys do not deadlock. By code units: any order will do that is the same everywhere.
 */
function inOrder<Row extends Drafted>(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((one, other) => (one.draft.key < other.draft.key ? -1 : 1))
}

/** The keys that were new, and how many of them were skipped as stale. */
async function insertPending(
  tx: Sql,
  chunk: Chunk,
  rows: readonly Drafted[],
  coalesced: boolean,
): Promise<{ readonly keys: readonly string[]; readonly stale: readonly StaleIntents[] }> {
  if (rows.length === 0) return { keys: [], stale: [] }
  const statement = coalesced ? insertCoalesced : insertOnce
  const ages = sqlArray(rows, ({ draft }) => draft.maxEventAgeMs)
  const [written] = await tx.query<Written>(statement, [...parameters(chunk.group, rows), rows.length, ages])
  return { keys: written?.some ?? rows.map(({ draft }) => draft.key), stale: written?.stale ?? [] }
}

interface Written {
  /** Null: all. That is nearly always so, and a row for each would cost as much as half its insert. */
  readonly some: readonly string[] | null
  readonly stale: readonly StaleIntents[] | null
}

/** Adds `is_stale` to drafts `d`, by the database's clock. */
const withStaleness = `
   CROSS JOIN LATERAL (
     SELECT coalesce(d.class = 'live' AND extract(epoch FROM now() - d.event_at) * 1000 > d.max_event_age_ms, false)
   ) AS age (is_stale)`

// The index is named so that the others are not searched for a conflict that cannot be.
const insertOnce = insertion('ON CONFLICT (group_name, key) WHERE NOT coalesce DO NOTHING')
const insertCoalesced = insertion(`ON CONFLICT (group_name, key) WHERE coalesce AND state = 'pending' DO NOTHING`)

const insertAsClaimed = `
  INSERT INTO worker.intents (${columns}, state, claims, owner, lease_until, reason, finished_at)
  ${drafts}, CASE WHEN is_stale THEN 'skipped' ELSE 'claimed' END, (NOT is_stale)::int, CASE WHEN NOT is_stale THEN d.owner END,
         CASE WHEN NOT is_stale THEN clock_timestamp() + d.lease_ms * interval '1 millisecond' END,
         CASE WHEN is_stale THEN 'stale' END, CASE WHEN is_stale THEN now() END
    FROM ${drafted.replace(/\)$/, ', $16::text[], $17::float8[], $18::float8[])')} AS d (${names}, owner, lease_ms, max_event_age_ms)
    ${withStaleness}
  ON CONFLICT (group_name, key) WHERE NOT coalesce DO NOTHING RETURNING ${intentColumns}, state = 'skipped' AS is_stale`

function insertion(onConflict: string): string {
  return `
WITH inserted AS (
  INSERT INTO worker.intents (${columns}, state, reason, finished_at)
  ${drafts}, CASE WHEN is_stale THEN 'skipped' ELSE 'pending' END, CASE WHEN is_stale THEN 'stale' END, CASE WHEN is_stale THEN now() END
    FROM ${drafted.replace(/\)$/, ', $17::float8[])')} AS d (${names}, max_event_age_ms)
    ${withStaleness}
  ${onConflict} RETURNING key, channel, kind, state
)
SELECT CASE WHEN n < $16 THEN (SELECT coalesce(json_agg(key), '[]') FROM inserted) END AS "some",
       CASE WHEN stale > 0 THEN (
         SELECT json_agg(skipped) FROM (
           SELECT channel, kind, count(*) AS count FROM inserted WHERE state = 'skipped' GROUP BY channel, kind
         ) AS skipped
       ) END AS stale
  FROM (SELECT count(*) AS n, count(*) FILTER (WHERE state = 'skipped') AS stale FROM inserted) AS counted`
}

/** Intents of stale events are skipped all the same, and never claimed. */
async function insertClaimed(
  tx: Sql,
  chunk: Chunk,
  rows: readonly Claimed[],
): Promise<{ readonly claimed: readonly Intent[]; readonly skipped: readonly Intent[] }> {
  if (rows.length === 0) return { claimed: [], skipped: [] }
  const sorted = inOrder(rows)
  const inserted = await tx.query<IntentRow & { readonly is_stale: boolean }>(insertAsClaimed, [
    ...parameters(chunk.group, sorted),
    sqlArray(sorted, (row) => row.owner),
    sqlArray(sorted, (row) => row.leaseMs),
    sqlArray(sorted, ({ draft }) => draft.maxEventAgeMs),
  ])
  const [claimed, skipped] = [false, true].map((stale) => inserted.filter((row) => row.is_stale === stale).map(intentOf))
  return { claimed: claimed ?? [], skipped: skipped ?? [] }
}

function parameters(group: string, rows: readonly Drafted[]): unknown[] {
  return [
    group,
    sqlArray(rows, ({ event }) => event.eventId),
    sqlArray(rows, ({ event }) => event.at.toISOString()),
    sqlArray(rows, ({ draft }) => draft.kind),
    sqlArray(rows, ({ draft }) => draft.version),
    sqlArray(rows, ({ draft }) => draft.channel),
    sqlArray(rows, ({ draft }) => draft.key),
    sqlArray(rows, ({ draft }) => String(draft.coalesce === true)),
    sqlArray(rows, ({ draft }) => draft.class ?? 'live'),
    sqlArray(rows, ({ draft }) => draft.campaignId),
    sqlArray(rows, ({ draft }) => draft.userId),
    sqlArray(rows, ({ draft }) => draft.destination),
    sqlArray(rows, ({ draft }) => json(draft)),
    sqlArray(rows, ({ event }) => event.correlationId),
    sqlArray(rows, ({ event }) => event.traceparent),
  ]
}

/** Refuses values that JavaScript cannot encode as the database refuses invalid ones: as a fault of the event. */
function json(draft: IntentDraft): string {
  try {
    return JSON.stringify(draft.data)
  } catch (cause) {
    throw new SqlError(`The data of an intent of kind ${draft.kind} cannot be written as JSON.`, { state: '22032', cause })
  }
}
