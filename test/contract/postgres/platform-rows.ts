import { randomUUID } from 'node:crypto'
import type { Sql } from '../../../src/std/sql.ts'

/** An active campaign in an account of its own. */
export async function insertCampaign(sql: Sql, referralConfig: unknown = {}): Promise<string> {
  const [id, accountId] = [randomUUID(), randomUUID()]
  await sql.query(`INSERT INTO accounts (id, name, slug) VALUES ($1, 'Account', $2)`, [accountId, accountId])
  await sql.query(
    `INSERT INTO campaigns (id, account_id, name, slug, status, referral_config) VALUES ($1, $2, 'Campaign', 'campaign', 'active', $3)`,
    [id, accountId, JSON.stringify(referralConfig)],
  )
  return id
}

/** A verified participant, from the columns that are named. */
export async function insertUser(sql: Sql, campaignId: string, columns: Record<string, unknown> = {}): Promise<string> {
  const id = randomUUID()
  const row = {
    id,
    campaign_id: campaignId,
    email: `${id}@example.com`,
    referral_code: id,
    status: 'verified',
    position: 0,
    original_position: 1,
    ...columns,
  }
  const names = Object.keys(row)
  await sql.query(
    `INSERT INTO waitlist_users (${names.join(', ')}) VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
    Object.values(row),
  )
  return row.id
}

/** Verified participants who joined one after the other. */
export async function insertUsers(sql: Sql, campaignId: string, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let place = 1; place <= count; place++) ids.push(await insertUser(sql, campaignId, { original_position: place }))
  return ids
}

/** A webhook of the campaign's account. */
export async function insertWebhook(sql: Sql, campaignId: string): Promise<string> {
  const id = randomUUID()
  await sql.query(
    `INSERT INTO webhooks (id, account_id, url, secret) SELECT $1, account_id, 'https://example.com/hook', 's' FROM campaigns WHERE id = $2`,
    [id, campaignId],
  )
  return id
}
