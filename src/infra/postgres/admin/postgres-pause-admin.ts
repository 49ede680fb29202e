import type { PauseAdmin } from '../../../admin/pauses/pause-admin.ts'
import type { Pause, PauseScope, PauseTarget } from '../../../model/pause.ts'
import { OperatorError } from '../../../std/failure.ts'
import type { Session, Sql } from '../../../std/sql.ts'
import { isActivePause } from '../intents/paused-intents.ts'

/** A pause that is not over, and for how long it lasts by the database's clock; null: until it is resumed. Milliseconds. */
export interface ActivePause {
  readonly pause: Pause
  readonly leftMs: number | null
}

/** The row of an active pause, by {@link pauseColumns}. */
export interface ActivePauseRow extends PauseRow {
  readonly left_ms: number | null
}

export function activePauseOf(row: ActivePauseRow): ActivePause {
  return { pause: pauseOf(row), leftMs: row.left_ms }
}

/** The pauses that are not over, the oldest first. Throws SqlError. */
export async function activePauses(sql: Sql): Promise<readonly Pause[]> {
  return (await sql.query<PauseRow>(`SELECT ${columns} FROM worker.pauses AS p WHERE ${isActivePause} ORDER BY p.id`)).map(pauseOf)
}

/** The pauses for operators. Throws SqlError. */
export function createPauseAdmin(database: Session): PauseAdmin {
  const { sql } = database
  return {
    active: () => activePauses(sql),
    begin: ({ forMs, owner, because, ...target }, extend) =>
      database.transaction(async (tx) => {
        // Of pauses that have ended by themselves: the index of those that were not ended knows no time.
        await tx.query(`UPDATE worker.pauses SET ended_at = ends_at WHERE ended_at IS NULL AND ends_at <= now()`)
        const terms = [owner, because, forMs]
        const [begun] = await tx.query<PauseRow>(
          `INSERT INTO worker.pauses AS p (scope, target, group_name, owner, reason, ends_at)
           VALUES ($1, $2, $3, $4, $5, now() + $6::float8 * interval '1 millisecond')
           ON CONFLICT (scope, target, (coalesce(group_name, ''))) WHERE ended_at IS NULL DO NOTHING
           RETURNING ${columns}`,
          [...keyOf(target), ...terms],
        )
        if (begun !== undefined) return { is: 'begun', pause: pauseOf(begun) }
        const change = `UPDATE worker.pauses SET owner = $4, reason = $5, ends_at = now() + $6::float8 * interval '1 millisecond'`
        const [row] = extend
          ? await tx.query<PauseRow>(`${change} WHERE ${isOfTarget} RETURNING ${columns}`, [...keyOf(target), ...terms])
          : await tx.query<PauseRow>(`SELECT ${columns} FROM worker.pauses WHERE ${isOfTarget}`, keyOf(target))
        if (row === undefined) throw new OperatorError('The pause was ended at this moment: try again.')
        return { is: extend ? 'extended' : 'exists', pause: pauseOf(row) }
      }),
    async end(target, by) {
      const [ended] = await sql.query<PauseRow>(
        `UPDATE worker.pauses AS p SET ended_at = now(), ended_by = $4 WHERE ${isOfTarget} AND ${isActivePause} RETURNING ${columns}`,
        [...keyOf(target), by],
      )
      return ended === undefined ? null : pauseOf(ended)
    },
    async inFlight({ scope, group, target }) {
      const [row] = await sql.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM worker.intents AS i
          WHERE state IN ('claimed', 'handing_over') AND lease_until IS NOT NULL AND ($1::text IS NULL OR group_name = $1) AND ${inScope[scope]}`,
        [group, target],
      )
      return row?.count ?? 0
    },
    async exists(scope, id) {
      const table = scope === 'campaign' ? 'campaigns' : 'webhooks'
      return (await sql.query(`SELECT FROM platform.${table} WHERE id = $1::uuid`, [id])).length > 0
    },
  }
}

interface PauseRow {
  readonly id: string
  readonly scope: PauseScope
  readonly group_name: string | null
  readonly target: string
  readonly owner: string
  readonly reason: string
  readonly began_at: Date
  readonly ends_at: Date | null
}

const columns = 'id::text AS id, scope, group_name, target, owner, reason, began_at, ends_at'

/** The select list of an active pause. */
export const pauseColumns = `${columns}, (extract(epoch FROM ends_at - now()) * 1000)::float8 AS left_ms`

function pauseOf(row: PauseRow): Pause {
  const { id, scope, group_name: group, target, owner, reason: because, began_at: since, ends_at: until } = row
  return { id, scope, group, target, owner, because, since, until }
}

const isOfTarget = `scope = $1 AND target = $2 AND coalesce(group_name, '') = coalesce($3, '') AND ended_at IS NULL`

function keyOf({ scope, target, group }: PauseTarget): readonly unknown[] {
  return [scope, target, group]
}

/** Whether an intent `i` is of the target $2. A paused partition stops none: it only stops reading. */
const inScope: Readonly<Record<PauseScope, string>> = {
  group: '$2 = group_name',
  channel: '$2 = channel',
  destination: '$2 = destination',
  campaign: '$2 = campaign_id::text',
  type: '(SELECT o.type FROM worker.outcomes AS o WHERE o.group_name = i.group_name AND o.event_id = i.event_id) = $2',
  partition: '$2::text IS NULL',
}
