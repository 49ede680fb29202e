/** The new values of a coalesced intent that becomes pending again, as SQL over its deleted row (`gone`). */
export interface PendingAgain {
  /** `gone`, or a join of it. */
  readonly from: string
  readonly dueAt: string
  readonly reason: string
  readonly waitingSince: string
  readonly channel: string
  readonly data: string
}

export const untouched: PendingAgain = {
  from: 'gone',
  dueAt: 'now()',
  reason: 'gone.reason',
  waitingSince: 'gone.waiting_since',
  channel: 'gone.channel',
  data: 'gone.data',
}

const kept = [
  'id',
  'group_name',
  'kind',
  'version',
  'key',
  'coalesce',
  'class',
  'event_id',
  'event_at',
  'correlation_id',
  'traceparent',
  'campaign_id',
  'user_id',
  'destination',
  'claims',
  'attempt',
  'ambiguous',
  'created_at',
].map((column) => `"${column}"`)

/**
 * Common table expressions (`gone`, `back`) by which coalesced intents become pending again: the row is deleted and inserted again under
 * its own id, and the insert does nothing where a newer pending one has the key.
 *
 * An UPDATE after a check would lose the race against a request that is inserted between the two, and a unique violation
 * would undo everything else in the transaction. ON CONFLICT waits for the other insert and gives way.
 */
export function backToPending(ids: string, to: PendingAgain): string {
  return `gone AS (
  DELETE FROM worker.intents WHERE id = ANY (ARRAY(${ids})) RETURNING *
),
back AS (
  INSERT INTO worker.intents (${kept.join(', ')}, state, due_at, reason, waiting_since, channel, data)
  OVERRIDING SYSTEM VALUE
  SELECT ${kept.map((column) => `gone.${column}`).join(', ')}, 'pending', ${to.dueAt}, ${to.reason}, ${to.waitingSince}, ${to.channel}, ${to.data}
    FROM ${to.from}
  ON CONFLICT DO NOTHING
)`
}
