import type { Claim, Intent } from '../../../model/intent.ts'
import type { ClaimRequest } from '../../../delivery/intent-store.ts'
import type { Sql } from '../../../std/sql.ts'
import { intentColumns, intentOf, type IntentRow } from './intent-row.ts'
import { backToPending, untouched } from './coalesced.ts'
import { isDeferred } from './deferred.ts'

/**
 * Claims up to `limit` intents for `owner` in one statement: deferred ones whose destination has a free permit, up to
 * their share, then what is due, oldest due first within a class, then more deferred ones. Less than `limit` means that nothing more of
 * these classes was due but of campaigns and accounts that are passed over.
 *
 * Each class is a limited walk of its own along `intents_due`, and only as long as those before it left room: sorting all
 * classes together would read every due row. Two claimers never wait for each other and never share a row. Rows of campaigns
 * and accounts that are passed over are read and dropped, so callers do that no longer than they must.
 */
export async function claim(sql: Sql, request: ClaimRequest): Promise<readonly Intent[]> {
  const { campaigns, accounts, classes } = request.without
  const isPastAccounts = accounts.length > 0
  const isOfDeferred = request.deferred.length > 0
  const rows = await sql.query<IntentRow>(claimStatements[isPastAccounts ? 'past' : 'any'][isOfDeferred ? 'deferred' : 'due'], [
    request.group,
    request.channel,
    request.kinds.map(({ kind, version }) => `${kind}/${version}`),
    request.limit,
    request.owner,
    request.leaseMs,
    request.order,
    campaigns,
    classes,
    request.replays,
    ...(isOfDeferred
      ? [request.deferred.map(({ destination }) => destination), request.deferred.map(({ permits }) => permits), request.deferredShare]
      : []),
    ...(isPastAccounts ? [accounts] : []),
  ])
  return rows.map(intentOf)
}

/** The accounts of campaigns; deleted campaigns are left out. */
export async function accountsOf(sql: Sql, campaignIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await sql.query<{ id: string; account_id: string }>(
    'SELECT id, account_id FROM platform.campaigns WHERE id = ANY ($1::uuid[]) AND account_id IS NOT NULL',
    [campaignIds],
  )
  return new Map(rows.map(({ id, account_id }) => [id, account_id]))
}

/** Releases claims; the intents keep their order among what is due. A coalesced one beside a newer pending one is dropped instead. Lost claims are left alone. */
export async function release(sql: Sql, claims: readonly Claim[]): Promise<void> {
  if (claims.length === 0) return
  await sql.query(releaseStatement, [
    claims.map((claim) => claim.id),
    claims.map((claim) => claim.owner),
    claims.map((claim) => claim.claims),
  ])
}

/** Renews the leases of `claims`, as far as they are still valid and their rows are not locked. */
export async function renew(sql: Sql, claims: readonly Claim[], leaseMs: number): Promise<readonly null[]> {
  await sql.query(renewStatement, [
    claims.map((claim) => claim.id),
    claims.map((claim) => claim.owner),
    claims.map((claim) => claim.claims),
    leaseMs,
  ])
  return claims.map(() => null)
}

const walk = (notPassedOver: string, position: number, before: readonly string[], { all, replays }: Room) => `
  SELECT id FROM worker.intents
   WHERE group_name = $1 AND channel = $2 AND class = ($7::text[])[${position}]
     AND state IN ('pending', 'ambiguous') AND due_at <= now()
     AND kind || '/' || version = ANY ($3::text[]) AND ${notPassedOver}
   ORDER BY due_at, id
   LIMIT least(${all}${before.map((name) => ` - (SELECT count(*) FROM ${name})`).join('')},
               CASE WHEN ($7::text[])[${position}] = 'replay' THEN ${replays} END)
     FOR UPDATE SKIP LOCKED`

/** How many due intents a claim may take, and how many of replays. */
interface Room {
  readonly all: string
  readonly replays: string
}
const roomOfDue: Room = { all: '$4::int', replays: '$10::int' }
const roomBesideDeferred: Room = {
  all: '$4::int - (SELECT least(count(*), $13::int) FROM deferred)',
  replays: `greatest(0, $10::int - (SELECT count(*) FROM deferred WHERE class = 'replay'))`,
}

/** Deferred intents of replays are claimed while no live one is due. */
const mayReplay = `
  ($10 > 0 AND NOT EXISTS (
    SELECT FROM worker.intents WHERE group_name = $1 AND channel = $2 AND class = 'live' AND state IN ('pending', 'ambiguous') AND due_at <= now()))`

// Live ones of a destination before its others; by id, which is the order of accepting. After an outage of many endpoints, deferred intents of
// a replay could take all workers, so no more of them than of due ones are taken.
const deferred = (notPassedOver: string) => `
  SELECT id, class FROM (
    SELECT claimable.id, claimable.class, count(*) FILTER (WHERE claimable.class = 'replay') OVER (ROWS UNBOUNDED PRECEDING) AS replays
      FROM unnest($11::text[], $12::int[]) AS d (destination, permits)
     CROSS JOIN LATERAL (
       SELECT id, class FROM worker.intents
        WHERE group_name = $1 AND channel = $2 AND destination = d.destination AND ${isDeferred}
          AND kind || '/' || version = ANY ($3::text[]) AND ${notPassedOver} AND (class <> 'replay' OR ${mayReplay})
        ORDER BY (class <> 'live'), id
        LIMIT d.permits
          FOR UPDATE SKIP LOCKED) AS claimable) AS counted
   WHERE class <> 'replay' OR replays <= $10
   LIMIT $4`

// From here on a deferred intent is due like any other, in case its worker is lost. The ids reach the UPDATE as an array, so that it uses
// the primary key whatever sizes the planner assumes. Deferred ones beyond the limit are locked needlessly: they are few.
const walksOf = (notPassedOver: string, room: Room) => `
first AS MATERIALIZED (${walk(notPassedOver, 1, [], room)}),
second AS MATERIALIZED (${walk(notPassedOver, 2, ['first'], room)}),
third AS MATERIALIZED (${walk(notPassedOver, 3, ['first', 'second'], room)}),
due AS MATERIALIZED (SELECT id FROM first UNION ALL SELECT id FROM second UNION ALL SELECT id FROM third)`

/** Chooses among due intents alone. Most claims are such, and to plan the search for deferred ones, too, takes more than half as long again. */
const dueOf = (notPassedOver: string) => `
WITH ${walksOf(notPassedOver, roomOfDue)},
chosen AS MATERIALIZED (SELECT id FROM due),`

const deferredAndDueOf = (notPassedOver: string) => `
WITH deferred AS MATERIALIZED (${deferred(notPassedOver)}),
${walksOf(notPassedOver, roomBesideDeferred)},
chosen AS MATERIALIZED (
  (SELECT id FROM deferred LIMIT $4::int - (SELECT count(*) FROM due)) UNION ALL SELECT id FROM due
),`

const claimOf = (choice: string) => `${choice}
claimed AS (
  UPDATE worker.intents
     SET state = 'claimed', owner = $5, claims = claims + 1, lease_until = clock_timestamp() + $6 * interval '1 millisecond',
         due_at = least(due_at, now()), reason = CASE WHEN ${isDeferred} THEN NULL ELSE reason END
   WHERE id = ANY (ARRAY(SELECT id FROM chosen))
  RETURNING ${intentColumns}, due_at
)
SELECT * FROM claimed ORDER BY array_position($7::text[], class), due_at, id`

// A mail in doubt is not due while its worker, which has the relay's reply, still tries to record it.
const renewStatement = `
WITH ours AS MATERIALIZED (
  SELECT i.id
    FROM unnest($1::bigint[], $2::text[], $3::int[]) AS c (id, owner, claims)
    JOIN worker.intents AS i ON i.id = c.id AND i.owner = c.owner AND i.claims = c.claims
                            AND i.state IN ('claimed', 'handing_over', 'ambiguous')
     FOR UPDATE OF i SKIP LOCKED
)
UPDATE worker.intents
   SET lease_until = CASE WHEN state <> 'ambiguous' THEN clock_timestamp() + $4 * interval '1 millisecond' END,
       due_at = CASE WHEN state = 'ambiguous' THEN greatest(due_at, clock_timestamp() + $4 * interval '1 millisecond') ELSE due_at END
 WHERE id = ANY (ARRAY(SELECT id FROM ours))`

const notOfClasses = `class <> ALL ($9::text[])`
const notOfCampaigns = `campaign_id <> ALL ($8::uuid[])`
const notOfAny = `(${notOfClasses} OR ${notOfCampaigns})`
const notOfAccounts = (parameter: string) =>
  `(${notOfClasses} OR ${notOfCampaigns} AND campaign_id NOT IN (SELECT c.id FROM platform.campaigns AS c WHERE c.account_id = ANY (${parameter}::uuid[])))`

const claimStatements = {
  any: { due: claimOf(dueOf(notOfAny)), deferred: claimOf(deferredAndDueOf(notOfAny)) },
  // Statements of their own, because accounts are seldom passed over: they read and hash their campaigns once.
  past: { due: claimOf(dueOf(notOfAccounts('$11'))), deferred: claimOf(deferredAndDueOf(notOfAccounts('$14'))) },
}

const releaseStatement = `
WITH ours AS MATERIALIZED (
  SELECT i.id, i.coalesce
    FROM unnest($1::bigint[], $2::text[], $3::int[]) AS c (id, owner, claims)
    JOIN worker.intents AS i ON i.id = c.id AND i.owner = c.owner AND i.claims = c.claims AND i.state = 'claimed'
     FOR UPDATE OF i
),
given_back AS (
  UPDATE worker.intents
     SET state = 'pending', due_at = least(due_at, now()), owner = NULL, lease_until = NULL
   WHERE id = ANY (ARRAY(SELECT id FROM ours WHERE NOT coalesce))
),
${backToPending('SELECT id FROM ours WHERE coalesce', untouched)}
SELECT`
