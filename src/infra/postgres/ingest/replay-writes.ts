import type { AcceptedEvent, Chunk, EventOutcome } from '../../../ingest/accept-store.ts'
import type { Intent, IntentDraft } from '../../../model/intent.ts'
import { labelOf, REPLAY_CAP, REPLAY_WAITING, type ReplayCount } from '../../../model/replay.ts'
import type { Sql } from '../../../std/sql.ts'
import { sqlArray } from '../../../std/sql-array.ts'
import { intentColumns, intentOf, type IntentRow } from '../intents/intent-row.ts'
import { insertIntents } from './accept-intents.ts'
import { insertOutcomes, markDuplicates } from './accept-outcomes.ts'
import { project } from './postgres-accept-store.ts'

/** On whose behalf a chunk is written, and what is known beyond the rows. */
export interface ReplayContext {
  readonly job: string
  /** Mails for one person and day. */
  readonly cap: number
  /** The channels whose intents are mails. */
  readonly mailChannels: readonly string[]
  /** False: nothing that exists is changed, as by a live accept. */
  readonly revives?: boolean
  /** Of a dry run, whose earlier chunks left no rows: what they would have written. */
  readonly earlier?: {
    /** Ids, in lower case, of events that would be on record. */
    readonly ids: { has(id: string): boolean }
    /** Keys that were new or revived. */
    readonly keys: ReadonlySet<string>
    /** Mails by person. */
    readonly mails: ReadonlyMap<string, number>
  }
}

export interface ReplayWritten {
  readonly conflicts: readonly bigint[]
  readonly outcomes: ReadonlyMap<bigint, EventOutcome>
  readonly counts: readonly ReplayCount[]
  /** Intents that are new or revived, and wait for their turn. */
  readonly intents: readonly Intent[]
  /** Keys of those, and of the capped ones. */
  readonly keys: readonly string[]
  /** Of those that are not capped, the people of mails, once for each. */
  readonly mailed: readonly string[]
  /** Events whose outcome was written. */
  readonly fresh: readonly AcceptedEvent[]
}

/**
 * Writes the outcomes and intents of events that are decided again. Existing rows are left alone, with two exceptions: an intent that ended
 * `skipped`, `dead`, `rejected` or `cancelled` is pending again, unless its person was forgotten or this job has revived it before; and an
 * event that had become a dead letter, or had no effect, is on record as accepted once the group's code gives it one.
 *
 * With `conflicts` the transaction must be rolled back.
 */
export async function writeReplayed(tx: Sql, chunk: Chunk, context: ReplayContext): Promise<ReplayWritten> {
  const earlier = context.earlier?.keys ?? none
  const stripped = chunk.events.map((event) => ({ ...event, drafts: event.drafts.filter(({ key }) => !earlier.has(key)) }))
  const isAgain = ({ eventId }: AcceptedEvent) => context.earlier?.ids.has(eventId.toLowerCase()) === true
  const { fresh, conflicts, outcomes } = await insertOutcomes(tx, { ...chunk, events: stripped.filter((event) => !isAgain(event)) })
  for (const { offset } of stripped.filter(isAgain)) outcomes.set(offset, 'repeated')
  if (conflicts.length > 0) return { conflicts, outcomes, counts: [], intents: [], keys: [], mailed: [], fresh: [] }

  const isFresh = new Set(fresh.map(({ offset }) => offset))
  const repeated = stripped.filter((event) => !isFresh.has(event.offset) && event.drafts.length > 0)
  const revives = context.revives !== false
  const mended = revives ? await mendOutcomes(tx, chunk.group, repeated) : none
  // A recalculation follows from the rows: one that was requested before is not requested again.
  const decided = stripped.flatMap((event) => {
    if (isFresh.has(event.offset) || mended.has(event.eventId.toLowerCase())) return [event]
    const drafts = event.drafts.filter(({ coalesce }) => coalesce !== true)
    return drafts.length === 0 ? [] : [{ ...event, drafts }]
  })
  await insertIntents(tx, chunk, decided)
  const keys = [...new Set(decided.flatMap(({ drafts }) => drafts.flatMap(({ key, coalesce }) => (coalesce === true ? [] : [key]))))]
  const states = await statesOf(tx, chunk.group, keys, context.job)
  const touched = await queue(tx, chunk.group, keys, context.job, revives)
  const tally = tallyOf(chunk, { isFresh, mended, states, touched, earlier })
  const capped = await overCap(tx, tally.made, chunk.group, context)
  await skipCapped(
    tx,
    capped.map(({ intent }) => intent.id),
  )
  await markDuplicates(tx, chunk.group, tally.duplicates)

  const projected = fresh.flatMap(({ event }) => event ?? [])
  if (chunk.project !== undefined && projected.length > 0) await project(tx, chunk.project, projected)
  const isCapped = new Set(capped.map(({ intent }) => intent.id))
  const kept = tally.made.filter(({ intent }) => !isCapped.has(intent.id))
  return {
    conflicts: [],
    outcomes,
    fresh,
    keys: [...touched.keys()],
    intents: kept.map(({ intent }) => intent),
    mailed: kept.flatMap(({ intent, draft }) => (context.mailChannels.includes(draft.channel) ? (intent.userId ?? []) : [])),
    counts: [
      ...tally.counts,
      ...capped.map(({ draft }) => one('capped', labelOf(draft), null)),
      ...projected.map(({ type }) => one('projected', type, null)),
    ],
  }
}

const none: ReadonlySet<string> = new Set()

interface Made {
  readonly intent: Intent
  readonly draft: IntentDraft
}

interface Tally {
  readonly counts: readonly ReplayCount[]
  /** In the order of their events. */
  readonly made: readonly Made[]
  readonly duplicates: readonly AcceptedEvent[]
}

/** Counts by event and draft, in log order, so that the sum does not depend on how a range is cut into chunks. */
function tallyOf(
  chunk: Chunk,
  of: {
    readonly isFresh: ReadonlySet<bigint>
    readonly mended: ReadonlySet<string>
    readonly states: ReadonlyMap<string, string>
    readonly touched: ReadonlyMap<string, Intent>
    readonly earlier: ReadonlySet<string>
  },
): Tally {
  const counts: ReplayCount[] = []
  const made: Made[] = []
  const duplicates: AcceptedEvent[] = []
  const counted = new Set<string>()
  for (const event of chunk.events) {
    const isFresh = of.isFresh.has(event.offset)
    let hasEffect = chunk.project !== undefined
    for (const draft of event.drafts) {
      const label = labelOf(draft)
      if (draft.coalesce === true) {
        if (!isFresh && !of.mended.has(event.eventId.toLowerCase())) continue
        hasEffect = true
        counts.push(one('recalculation', label, null))
        continue
      }
      const intent = of.touched.get(draft.key)
      if (intent !== undefined && !counted.has(draft.key)) {
        counted.add(draft.key)
        hasEffect = true
        made.push({ intent, draft })
        const before = of.states.get(draft.key)
        counts.push(before === undefined ? one('new', label, null) : one('revived', label, before))
      } else {
        const isOurs = intent !== undefined || of.earlier.has(draft.key)
        counts.push(one('spent', label, isOurs ? 'this-replay' : (of.states.get(draft.key) ?? 'unfinished')))
      }
    }
    const fate = !isFresh ? 'repeated' : hasEffect ? 'accepted' : event.drafts.length === 0 ? 'no-effect' : 'duplicate'
    counts.push(one('event', event.type, fate))
    if (fate === 'duplicate') duplicates.push(event)
  }
  for (const { type, reason } of chunk.passed) counts.push(one('failed', type ?? 'unknown', reason))
  return { counts, made, duplicates }
}

function one(what: ReplayCount['what'], of: string, as: string | null): ReplayCount {
  return { what, of, as, count: 1 }
}

/** Ids of events that were given up, or had no effect, and have one now. */
async function mendOutcomes(tx: Sql, group: string, events: readonly AcceptedEvent[]): Promise<ReadonlySet<string>> {
  if (events.length === 0) return none
  const rows = await tx.query<{ event_id: string }>(
    `UPDATE worker.outcomes AS o SET outcome = 'accepted', effects = e.effects::text[]
       FROM unnest($2::uuid[], $3::text[]) AS e (event_id, effects)
      WHERE o.group_name = $1 AND o.event_id = e.event_id AND o.outcome IN ('dead-letter', 'no-effect')
     RETURNING o.event_id`,
    [group, sqlArray(events, ({ eventId }) => eventId), sqlArray(events, ({ drafts }) => sqlArray(drafts, ({ key }) => key))],
  )
  return new Set(rows.map(({ event_id }) => event_id))
}

/** The states of intents that were there before this transaction, in the words of `spent` and `revived`. */
async function statesOf(tx: Sql, group: string, keys: readonly string[], job: string): Promise<ReadonlyMap<string, string>> {
  if (keys.length === 0) return new Map()
  const rows = await tx.query<{ key: string; state: string }>(
    `SELECT key, CASE WHEN replay_job = $3 THEN 'this-replay'
                      WHEN reason = 'forgotten' THEN 'forgotten'
                      WHEN state IN ('skipped', 'dead', 'rejected', 'cancelled') THEN state || coalesce(' (' || reason || ')', '')
                      WHEN state IN ('pending', 'claimed', 'handing_over', 'ambiguous') THEN 'unfinished'
                      ELSE state END AS state
       FROM worker.intents
      WHERE group_name = $1 AND key = ANY ($2::text[]) AND NOT coalesce AND NOT ${isNew}`,
    [group, sqlArray(keys, (key) => key), job],
  )
  return new Map(rows.map(({ key, state }) => [key, state]))
}

/** Written by this transaction: its time is that of the transaction, and of none of the class before it. */
const isNew = `(class = 'replay' AND replay_job IS NULL AND created_at = now() AND state = 'pending')`

/** Lets what is new, and what ended without effect, wait for its turn. By key; none of it is due until it is released. */
async function queue(tx: Sql, group: string, keys: readonly string[], job: string, revives: boolean): Promise<ReadonlyMap<string, Intent>> {
  if (keys.length === 0) return new Map()
  const rows = await tx.query<IntentRow>(
    `UPDATE worker.intents
        SET state = 'pending', class = 'replay', replay_job = $3, replayed_at = now(), due_at = '2999-01-01Z', reason = '${REPLAY_WAITING}',
            waiting_since = now(), attempt = 0, owner = NULL, lease_until = NULL, finished_at = NULL, detail = NULL
      WHERE group_name = $1 AND key = ANY ($2::text[]) AND NOT coalesce
        AND (${isNew} OR $4 AND state IN ('skipped', 'dead', 'rejected', 'cancelled') AND reason IS DISTINCT FROM 'forgotten'
                         AND replay_job IS DISTINCT FROM $3)
     RETURNING ${intentColumns}`,
    [group, sqlArray(keys, (key) => key), job, revives],
  )
  // As a worker will see it.
  return new Map(rows.map((row) => [row.key, intentOf({ ...row, reason: null, waiting_since: null })]))
}

/** Mails beyond the cap of their person, in the order of their events. */
async function overCap(
  tx: Sql,
  made: readonly Made[],
  group: string,
  { cap, mailChannels, earlier }: ReplayContext,
): Promise<readonly Made[]> {
  const mails = made.filter(({ draft, intent }) => mailChannels.includes(draft.channel) && intent.userId !== null)
  if (mails.length === 0) return []
  const people = [...new Set(mails.flatMap(({ intent }) => intent.userId ?? []))]
  const rows = await tx.query<{ user_id: string; count: number }>(
    `SELECT user_id, count(*)::int AS count FROM worker.intents
      WHERE replay_job IS NOT NULL AND user_id = ANY ($1::uuid[]) AND replayed_at > now() - interval '1 day'
        AND group_name = $2 AND channel = ANY ($4::text[]) AND reason IS DISTINCT FROM '${REPLAY_CAP}' AND id <> ALL ($3::bigint[])
      GROUP BY user_id`,
    [sqlArray(people, (id) => id), group, sqlArray(made, ({ intent }) => intent.id), mailChannels],
  )
  const had = new Map(people.map((id) => [id, earlier?.mails.get(id) ?? 0]))
  for (const { user_id, count } of rows) had.set(user_id, (had.get(user_id) ?? 0) + count)
  return mails.filter(({ intent }) => {
    const id = intent.userId ?? ''
    const count = had.get(id) ?? 0
    if (count < cap) had.set(id, count + 1)
    return count >= cap
  })
}

async function skipCapped(tx: Sql, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx.query(
    `UPDATE worker.intents SET state = 'skipped', reason = '${REPLAY_CAP}', waiting_since = NULL, finished_at = now() WHERE id = ANY ($1::bigint[])`,
    [sqlArray(ids, (id) => id)],
  )
}
