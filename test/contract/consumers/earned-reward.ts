import type { Frozen, Intent } from '../../../src/model/intent.ts'
import type { IntentKind } from '../../../src/model/intent-kind.ts'
import { createRewardConsumer, type RewardSettings } from '../../../src/consumers/reward/reward-consumer.ts'
import { everythingGoes } from '../../../src/consumers/mail-rules.ts'
import type { Sql } from '../../../src/std/sql.ts'

/** One earned reward with everything around it, as the platform would have written it. */
export interface EarnedReward {
  readonly accountId: string
  readonly campaignId: string
  readonly userId: string
  readonly rewardId: string
  readonly userRewardId: string
}

export interface RewardOptions {
  readonly method?: 'email' | 'webhook' | 'manual'
  readonly config?: object
  readonly rewardData?: object
  readonly webhookUrl?: string
}

let reported = 0

export async function createReward(sql: Sql, plot: RewardOptions = {}): Promise<EarnedReward> {
  const { method = 'email', config = {}, rewardData = {}, webhookUrl } = plot
  const n = ++reported
  const accountId = await insert(sql, 'accounts', { name: 'Example Company', slug: `account-${n}` })
  const campaignId = await insert(sql, 'campaigns', {
    account_id: accountId,
    name: 'Early Birds',
    slug: `campaign-${n}`,
    status: 'active',
    email_config: { from_name: 'Early Birds', from_email: 'hello@example.com', reply_to: 'help@example.com' },
    branding_config: { primary_color: '#336699' },
  })
  const userId = await insert(sql, 'waitlist_users', {
    campaign_id: campaignId,
    email: `person-${n}@example.org`,
    first_name: 'Ada',
    status: 'verified',
    position: 3,
    original_position: 5,
    referral_code: `ref-${n}`,
  })
  const rewardId = await insert(sql, 'rewards', {
    campaign_id: campaignId,
    name: 'Ten percent off',
    description: 'For early birds',
    type: 'discount',
    trigger_type: 'referral_count',
    delivery_method: method,
    config: { value: '10 %', instructions: 'Type it in at the till.', ...config },
    delivery_config: webhookUrl === undefined ? {} : { webhook_url: webhookUrl },
  })
  const userRewardId = await insert(sql, 'user_rewards', {
    user_id: userId,
    reward_id: rewardId,
    campaign_id: campaignId,
    status: 'earned',
    reward_data: rewardData,
  })
  return { accountId, campaignId, userId, rewardId, userRewardId }
}

export async function insert(sql: Sql, table: string, row: Record<string, unknown>): Promise<string> {
  const columns = Object.keys(row)
  const values = Object.values(row).map((value) => (isPlain(value) ? JSON.stringify(value) : value))
  const [inserted] = await sql.query<{ id: string }>(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((_, index) => `$${index + 1}`).join(', ')}) RETURNING id`,
    values,
  )
  if (inserted === undefined) throw new Error(`Nothing was inserted into ${table}.`)
  return inserted.id
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Date) && !Array.isArray(value)
}

export function rewardKinds(settings: Partial<RewardSettings> = {}): { email: IntentKind<'email'>; webhook: IntentKind<'webhook'> } {
  const consumer = createRewardConsumer({
    missingRowWaitMs: 300_000,
    referralLinkTemplate: 'https://example.com/r/{referral_code}',
    rules: everythingGoes,
    ...settings,
  })
  const email = consumer.kinds.find((kind) => kind.channel === 'email')
  const webhook = consumer.kinds.find((kind) => kind.channel === 'webhook')
  if (email?.channel !== 'email' || webhook?.channel !== 'webhook') throw new Error('A kind of the reward consumer is missing.')
  return { email, webhook }
}

/** The intent as it is claimed; what matters here of it. */
export function rewardIntent(userRewardId: string, change: Partial<Intent> = {}): Intent {
  return {
    id: '1',
    group: 'reward-workers',
    kind: 'reward',
    version: 1,
    channel: 'webhook',
    key: `reward:${userRewardId}`,
    class: 'live',
    coalesce: false,
    eventId: '00000000-0000-4000-8000-0000000000e1',
    eventAt: new Date('2030-01-02T03:04:05.678Z'),
    correlationId: null,
    traceparent: null,
    campaignId: '00000000-0000-4000-8000-0000000000c1',
    userId: null,
    destination: null,
    data: { user_reward_id: userRewardId },
    attempt: 0,
    ambiguous: 0,
    waitingSince: null,
    reason: null,
    createdAt: new Date('2030-01-02T03:04:06.000Z'),
    frozen: null,
    claim: { id: '1', owner: 'test', claims: 1 },
    ...change,
  }
}

export function frozenAt(endpointId: string): Frozen {
  return {
    envelope: { endpointId, url: 'https://example.com/old', eventType: 'reward.delivered', webhookId: 'msg_1' },
    body: Buffer.from('{}'),
  }
}

export interface UserRewardRow {
  readonly status: string
  readonly delivery_attempts: number
  readonly last_delivery_attempt_at: Date | null
  readonly delivered_at: Date | null
  readonly delivery_error: string | null
  readonly reward_data: Readonly<Record<string, unknown>>
}

export async function userRewardOf(sql: Sql, { userRewardId }: EarnedReward): Promise<UserRewardRow> {
  const [row] = await sql.query<UserRewardRow>('SELECT * FROM user_rewards WHERE id = $1', [userRewardId])
  if (row === undefined) throw new Error('The reward is gone.')
  return row
}
