import type { Sql, Database } from '../../../src/std/sql.ts'
import { insertCampaign } from './platform-rows.ts'
import {
  changeParticipant,
  newParticipant,
  pick,
  pointSettings,
  rankByRule,
  seeded,
  storedRank,
  type Participant,
} from './rank-reference-model.ts'

/** Recalculates a campaign in a transaction of its own; resolves to how many rows it changed. */
export type Recalculate = (campaignId: string) => Promise<number>

export interface HistoryOptions {
  readonly recalculate: Recalculate
  readonly rounds: number
  /** Participants who join in one round at most. */
  readonly joins: number
  /** Whether the platform deletes rows physically, which no index of changed rows can see. */
  readonly hardDeletes: boolean
}

/** What a campaign must look like after a round, and what it looks like; equal when all is well. */
export interface Compared {
  readonly seed: number
  readonly round: number
  readonly expected: { readonly changed: number; readonly ranks: ReadonlyMap<string, string> }
  readonly found: { readonly changed: number; readonly ranks: ReadonlyMap<string, string> }
}

/**
 * Plays a random history of one campaign: in each round people join, are referred, blocked, removed, deleted and edited, the
 * points change; then it is recalculated and everything stored is compared with a ranking in memory, by `compare`.
 */
export async function playHistory(
  database: Database,
  seed: number,
  options: HistoryOptions,
  compare: (compared: Compared) => void,
): Promise<void> {
  const random = seeded(seed)
  // Every other campaign is spread out, so that windows lie apart; in the others nearly everything ties.
  const spread = seed % 2 === 0 ? 12 : 400
  let [referralConfig, points] = pick(pointSettings, random)
  const campaignId = await insertCampaign(database.sql, referralConfig)
  let all: Participant[] = []
  for (let round = 0; round < options.rounds; round++) {
    const changing = random() < 0.1
    await database.transaction(async (tx) => {
      const joined = Array.from({ length: Math.floor(random() * (options.joins + 1)) }, () => newParticipant(random, spread))
      all.push(...joined)
      await join(campaignId, joined, tx)
      const share = pick([0, 0.02, 0.05, 0.3], random)
      const changed = all.filter(() => random() < share)
      for (const one of changed) changeParticipant(one, random, spread)
      await store(changed, tx)
      if (options.hardDeletes && random() < 0.15) {
        const gone = all.filter(() => random() < 0.1)
        all = all.filter((one) => !gone.includes(one))
        await tx.query('DELETE FROM waitlist_users WHERE id = ANY ($1::uuid[])', [gone.map(({ id }) => id)])
      }
      if (changing) {
        ;[referralConfig, points] = pick(pointSettings, random)
        await tx.query('UPDATE campaigns SET referral_config = $2 WHERE id = $1', [campaignId, JSON.stringify(referralConfig)])
      }
    })
    const expected = { changed: rankByRule(all, points), ranks: new Map(all.map((one) => [one.id, storedRank(one)])) }
    const changed = await options.recalculate(campaignId)
    compare({ seed, round, expected, found: { changed, ranks: await ranksOf(campaignId, database.sql) } })
  }
}

async function join(campaignId: string, joined: readonly Participant[], tx: Sql): Promise<void> {
  if (joined.length === 0) return
  const column = <Key extends keyof Participant>(key: Key) => joined.map((one) => one[key])
  await tx.query(
    `INSERT INTO waitlist_users (id, campaign_id, email, referral_code, created_at, original_position, verified_referral_count, status, deleted_at, position)
     SELECT id, $1, id || '@example.com', id::text, created_at, original, verified, status, CASE WHEN deleted THEN now() END, position
       FROM unnest($2::uuid[], $3::timestamptz[], $4::int[], $5::int[], $6::text[], $7::bool[], $8::int[])
         AS one (id, created_at, original, verified, status, deleted, position)`,
    [
      campaignId,
      column('id'),
      column('createdAt'),
      column('original'),
      column('verified'),
      column('status'),
      column('deleted'),
      column('position'),
    ],
  )
}

async function store(changed: readonly Participant[], tx: Sql): Promise<void> {
  if (changed.length === 0) return
  const column = <Key extends keyof Participant>(key: Key) => changed.map((one) => one[key])
  await tx.query(
    `UPDATE waitlist_users AS u
        SET original_position = one.original, verified_referral_count = one.verified, status = one.status,
            deleted_at = CASE WHEN one.deleted THEN coalesce(deleted_at, now()) END
       FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::bool[]) AS one (id, original, verified, status, deleted)
      WHERE u.id = one.id`,
    [column('id'), column('original'), column('verified'), column('status'), column('deleted')],
  )
}

/** The stored rank of each participant, as {@link storedRank} writes it. */
export async function ranksOf(campaignId: string, sql: Sql): Promise<Map<string, string>> {
  const rows = await sql.query<{ id: string; position: number; ranked_score: string | null; ranked_ppr: number }>(
    'SELECT id, position, ranked_score, ranked_ppr FROM waitlist_users WHERE campaign_id = $1',
    [campaignId],
  )
  return new Map(
    rows.map((row) => [row.id, storedRank({ position: row.position, rankedScore: row.ranked_score, rankedPpr: row.ranked_ppr })]),
  )
}
