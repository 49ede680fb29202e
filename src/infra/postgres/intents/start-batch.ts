import type { DeliveryLog } from '../../../delivery/delivery-log-table.ts'
import type { Intent } from '../../../model/intent.ts'
import type { StartAnswer, StartDecision, StartedWith, StartRequest, StartWithRequest } from '../../../delivery/intent-store.ts'
import type { KindRows } from '../../../model/intent-kind.ts'
import type { Sql, Database } from '../../../std/sql.ts'
import { deliveryLogSql, oncePerLog } from '../delivery-logs/delivery-logs.ts'
import { expectFew } from './expect-few.ts'
import { kindParameters, kindUpdate } from './kind-rows.ts'
import { sqlArray, sqlBytes } from '../../../std/sql-array.ts'

/** Starts many in one statement: proves each claim, counts the attempt, freezes, renews the lease, and opens the delivery log's rows of those that were ours. */
export async function startBatch(
  requests: readonly StartRequest[],
  deliveryLog: DeliveryLog | null,
  sql: Sql,
): Promise<readonly ('started' | 'lost')[]> {
  const rows = await sql.query<{ id: string }>(deliveryLog === null ? startStatement : logged(deliveryLog), startParameters(requests))
  return resultsOf(requests, rows)
}

/** The same, of intents of one kind, with the rows of their kind: `lost` is also what these did not let start. */
export function startBatchWith(
  kindRows: KindRows,
  deliveryLog: DeliveryLog,
): (requests: readonly StartRequest[], sql: Sql) => ReturnType<typeof startBatch> {
  const text = startStatementWith(kindRows, deliveryLog)
  return async (requests, sql) => {
    const values = requests.flatMap(({ intent, ofKind }) => (ofKind === undefined ? [] : [{ intentId: intent.id, values: ofKind.values }]))
    const rows = await sql.query<{ id: string }>(text, [...startParameters(requests), ...kindParameters(kindRows.start, values)])
    return resultsOf(requests, rows)
  }
}

function resultsOf(requests: readonly StartRequest[], rows: readonly { readonly id: string }[]): ('started' | 'lost')[] {
  const started = new Set(rows.map(({ id }) => id))
  return requests.map(({ intent }) => (started.has(intent.id) ? 'started' : 'lost'))
}

/** What {@link starting} takes. */
export function startParameters(requests: readonly StartRequest[]): string[] {
  return [
    sqlArray(requests, ({ intent }) => intent.id),
    sqlArray(requests, ({ intent }) => intent.claim.owner),
    sqlArray(requests, ({ intent }) => intent.claim.claims),
    sqlArray(requests, ({ state }) => state),
    sqlArray(requests, ({ leaseMs }) => leaseMs),
    // Bytes that were frozen by an earlier start are in the row already and stay.
    sqlArray(requests, ({ intent, frozen }) => (intent.frozen ? null : JSON.stringify(frozen.envelope))),
    sqlArray(requests, ({ intent, frozen }) => (intent.frozen || frozen.body === null ? null : sqlBytes(frozen.body))),
  ]
}

/** Starts in one transaction; the rows are locked and the claims proved before `decide` runs. Throws where one of several is skipped. */
export async function startWithBatch<Message>(
  requests: readonly StartWithRequest<Message>[],
  { decide }: StartDecision<Message>,
  database: Database,
): Promise<readonly StartedWith[]> {
  try {
    return await database.transaction(async (tx): Promise<readonly StartedWith[]> => {
      const ours = await lockClaims(requests, tx)
      const proven = requests.filter(({ intent }) => ours.has(intent.id))
      if (proven.length === 0) return requests.map(() => lost)
      const answers = await decide(proven, tx)
      const skip = answers.find((answer) => answer.is === 'skip')
      if (skip !== undefined) throw new Skipped(skip.reason)
      const starts = proven.flatMap((request, index) => startOf(request, answers[index]))
      const results = await startBatch(starts, requests[0]?.deliveryLog ?? null, tx)
      const started = new Map(starts.map(({ intent, frozen }, index) => [intent.id, results[index] === 'started' ? frozen : null]))
      return requests.map(({ intent: { id } }) => {
        const frozen = started.get(id) ?? null
        return frozen === null ? lost : { is: 'started', frozen }
      })
    })
  } catch (error) {
    // The answer for a single intent; in a batch each intent has to be started alone.
    if (error instanceof Skipped && requests.length === 1) return [{ is: 'skip', reason: error.reason }]
    throw error
  }
}

const lost = { is: 'lost' } as const

function startOf({ intent, state, leaseMs, deliveryLog }: StartWithRequest<unknown>, answer: StartAnswer | undefined): StartRequest[] {
  return answer?.is === 'go' ? [{ intent, state, leaseMs, deliveryLog, frozen: answer.frozen }] : []
}

/** Locks the rows of those intents that are claimed, by these claims, and whose leases are not over; returns their ids. */
export async function lockClaims(of: readonly { readonly intent: Intent }[], tx: Sql): Promise<ReadonlySet<string>> {
  const rows = await tx.query<{ id: string }>(lockStatement, [
    sqlArray(of, ({ intent }) => intent.claim.id),
    sqlArray(of, ({ intent }) => intent.claim.owner),
    sqlArray(of, ({ intent }) => intent.claim.claims),
  ])
  return new Set(rows.map(({ id }) => id))
}

/** Thrown to roll back what a kind wrote before it skipped an intent. */
class Skipped extends Error {
  readonly reason: string

  constructor(reason: string) {
    super('An intent was skipped at its start.')
    this.reason = reason
  }
}

// The state stands in a CASE so that the planner does not see `intents_lease` fit: it looks cheap, and is full of dead entries.
const isOurs = `${expectFew} AND i.id = s.id AND i.owner = s.owner AND i.claims = s.claims
   AND CASE WHEN i.state = 'claimed' THEN i.lease_until > now() END`

/** Locks the intents in the first parameters of {@link starting} whose claims are proved. */
const lockStatement = `
SELECT i.id
  FROM unnest($1::bigint[], $2::text[], $3::int[]) AS s (id, owner, claims)
  JOIN worker.intents AS i ON ${isOurs}
   FOR UPDATE OF i`

/** Starts the intents in the parameters from `$first` on. */
export const starting = (first: number) => `
UPDATE worker.intents AS i
   SET state = s.state,
       attempt = i.attempt + 1,
       lease_until = clock_timestamp() + s.lease_ms * interval '1 millisecond',
       envelope = coalesce(i.envelope, s.envelope),
       body = coalesce(i.body, s.body)
  FROM unnest($${first}::bigint[], $${first + 1}::text[], $${first + 2}::int[], $${first + 3}::text[], $${first + 4}::float8[],
              $${first + 5}::jsonb[], $${first + 6}::bytea[])
    AS s (id, owner, claims, state, lease_ms, envelope, body)
 WHERE ${isOurs}`

const startStatement = `${starting(1)} RETURNING i.id`

const loggedStatement = (deliveryLog: DeliveryLog) => `
WITH started AS (${starting(1)} RETURNING i.*),${deliveryLogSql(deliveryLog).started}
SELECT id FROM started`
const logged = oncePerLog(loggedStatement)

/** Starts those that the update of their kind returns. */
function startStatementWith(kindRows: KindRows, deliveryLog: DeliveryLog): string {
  const firstOfKind = startParameters([]).length + 1
  return `
WITH proven AS MATERIALIZED (${lockStatement}),
${kindUpdate('allowed', kindRows.start, firstOfKind, 'proven')},
started AS (${starting(1)} AND i.id IN (SELECT intent_id FROM allowed) RETURNING i.*),${deliveryLogSql(deliveryLog).started}
SELECT id FROM started`
}
