import { randomUUID } from 'node:crypto'
import type { Sql } from '../../src/std/sql.ts'

/** A campaign as its events name it. */
export interface Campaign {
  readonly accountId: string
  readonly campaignId: string
}

/** Plays the platform: writes the rows that its own program would. Whatever is not said has a value that lets mails go. */
export class Platform {
  readonly #sql: Sql
  #places = 0

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async campaign(columns: { points?: number; status?: string; name?: string } = {}): Promise<Campaign> {
    const [accountId, campaignId] = [randomUUID(), randomUUID()]
    await this.#sql.query(`INSERT INTO accounts (id, name, slug, status) VALUES ($1, 'An account', $2, 'active')`, [accountId, accountId])
    await this.#sql.query(
      `INSERT INTO campaigns (id, account_id, name, slug, status, type, referral_config) VALUES ($1, $2, $3, $4, $5, 'waitlist', $6)`,
      [
        campaignId,
        accountId,
        columns.name ?? 'A campaign',
        campaignId,
        columns.status ?? 'active',
        JSON.stringify({ enabled: true, points_per_referral: columns.points ?? 1 }),
      ],
    )
    return { accountId, campaignId }
  }

  /** Joined, verified long ago, agreed to marketing; `columns` say otherwise. Returns what the events need. */
  async person({ campaignId }: Campaign, columns: Readonly<Record<string, unknown>> = {}): Promise<{ userId: string; email: string }> {
    const id = randomUUID()
    const place = ++this.#places
    const row = {
      id,
      campaign_id: campaignId,
      email: `person-${id}@example.com`,
      first_name: 'Ada',
      referral_code: id,
      status: 'verified',
      position: place,
      original_position: place,
      email_verified: true,
      verified_at: new Date(Date.now() - 3_600_000),
      marketing_consent: true,
      ...columns,
    }
    const names = Object.keys(row)
    await this.#sql.query(
      `INSERT INTO waitlist_users (${names.join(', ')}) VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
      Object.values(row),
    )
    return { userId: id, email: row.email }
  }

  /** Many people at once, in one statement; they differ only by place, id, address and code. */
  async crowd({ campaignId }: Campaign, count: number): Promise<readonly { userId: string; email: string }[]> {
    const first = this.#places + 1
    this.#places += count
    const rows = await this.#sql.query<{ id: string; email: string }>(
      `INSERT INTO waitlist_users (id, campaign_id, email, referral_code, status, position, original_position, email_verified, verified_at, marketing_consent)
       SELECT id, $1, 'person-' || id || '@example.com', id::text, 'verified', place, place, true, now() - interval '1 hour', true
         FROM (SELECT gen_random_uuid() AS id, place FROM generate_series($2::int, $3::int) AS place) made
       RETURNING id, email`,
      [campaignId, first, first + count - 1],
    )
    return rows.map(({ id, email }) => ({ userId: id, email }))
  }

  /** A verified referral, counted on its referrer in the same transaction as the platform does it. */
  async referral({ campaignId }: Campaign, referrerId: string, referredId: string): Promise<string> {
    const id = randomUUID()
    await this.#sql.query(
      `WITH counted AS (UPDATE waitlist_users SET referral_count = referral_count + 1, verified_referral_count = verified_referral_count + 1 WHERE id = $3)
       INSERT INTO referrals (id, campaign_id, referrer_id, referred_id, status, verified_at) VALUES ($1, $2, $3, $4, 'verified', now())`,
      [id, campaignId, referrerId, referredId],
    )
    return id
  }

  async reward(
    { campaignId }: Campaign,
    delivery: { method: 'email' | 'webhook' | 'manual'; webhookUrl?: string; codeTemplate?: string },
  ): Promise<string> {
    const id = randomUUID()
    await this.#sql.query(
      `INSERT INTO rewards (id, campaign_id, name, type, config, trigger_type, delivery_method, delivery_config, status)
       VALUES ($1, $2, 'Early access', 'early_access', $3, 'manual', $4, $5, 'active')`,
      [
        id,
        campaignId,
        JSON.stringify({
          value: '10 %',
          instructions: 'Enter it at checkout.',
          ...(delivery.codeTemplate === undefined ? {} : { code_template: delivery.codeTemplate }),
        }),
        delivery.method,
        JSON.stringify(delivery.webhookUrl === undefined ? {} : { webhook_url: delivery.webhookUrl }),
      ],
    )
    return id
  }

  async earned({ campaignId }: Campaign, rewardId: string, userId: string): Promise<string> {
    const id = randomUUID()
    await this.#sql.query(
      `INSERT INTO user_rewards (id, user_id, reward_id, campaign_id, status, earned_at) VALUES ($1, $2, $3, $4, 'earned', now())`,
      [id, userId, rewardId, campaignId],
    )
    return id
  }

  async webhook({ accountId, campaignId }: Campaign, url: string, secret: string): Promise<string> {
    const id = randomUUID()
    await this.#sql.query(
      `INSERT INTO webhooks (id, account_id, campaign_id, url, secret, events, status) VALUES ($1, $2, $3, $4, $5, '{reward.delivered}', 'active')`,
      [id, accountId, campaignId, url, secret],
    )
    return id
  }
}
