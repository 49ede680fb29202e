import type { Intent, Json } from '../../model/intent.ts'
import { parseExactJson } from '../../std/exact-json.ts'
import type { Sql } from '../../std/sql.ts'
import { templateColumns, templateJoin, type TemplateRow } from '../campaign-template.ts'
import { eligibilityColumns, eligibilityJoins, type EligibilityRow } from '../eligibility.ts'
import { addressColumns, claimedTo, inEverySpelling, type AddressRow } from '../mail-rules.ts'
import { personColumns, type PersonRow } from '../person-mail.ts'
import { sameUrl } from './same-url.ts'

/** Everything that deciding about one reward takes. The columns of a row that does not exist (yet) are null. */
export type RewardRow = MissingReward | FoundReward

export interface MissingReward extends EligibilityRow {
  /** The database's clock. */
  readonly now: Date
  readonly user_reward_id: null
}

export interface FoundReward extends EligibilityRow, PersonRow, AddressRow, TemplateRow {
  readonly now: Date
  readonly user_reward_id: string
  readonly status: string
  readonly expired: boolean
  readonly reward_id: string
  readonly reward_name: string
  readonly reward_description: string | null
  readonly reward_type: string
  readonly delivery_method: string
  readonly code: string | null
  readonly code_template: string | null
  readonly value: Json
  readonly instructions: Json
  readonly webhook_id: string | null
  readonly webhook_url: string | null
  readonly webhook_secret: string | null
  readonly retry_enabled: boolean | null
  readonly max_retries: number | null
}

/** Reads the reward of an intent in one statement, which sees one snapshot, and its endpoint in another. */
export async function readReward(intent: Intent, read: Sql): Promise<RewardRow> {
  const [row] = await read.query<MissingReward | RowOfReward>(statement, [userRewardIdOf(intent), claimedTo(intent)])
  if (row === undefined) throw new Error('The statement that reads a reward returned no row.')
  if (row.user_reward_id === null) return row
  const { wanted_url: url, value, instructions, ...rest } = row.address === null ? row : await inEverySpelling(read, row)
  return { ...rest, ...(await readEndpoint(row, url, intent, read)), value: jsonOf(value), instructions: jsonOf(instructions) }
}

/** An intent that has started stays with its endpoint, wherever that lives now. */
async function readEndpoint(row: RowOfReward, wantedUrl: string | null, intent: Intent, read: Sql): Promise<Endpoint> {
  const begun = intent.frozen?.envelope['endpointId']
  if (typeof begun === 'string') return (await read.query<Endpoint>(endpointsStatement, [row.campaign_id, begun]))[0] ?? noEndpoint
  if (wantedUrl === null || row.delivery_method !== 'webhook') return noEndpoint
  const endpoints = await read.query<Endpoint>(endpointsStatement, [row.campaign_id, null])
  return endpoints.find(({ webhook_url: url }) => url !== null && sameUrl(url, wantedUrl)) ?? noEndpoint
}

type Endpoint = Pick<FoundReward, 'webhook_id' | 'webhook_url' | 'webhook_secret' | 'retry_enabled' | 'max_retries'>

const noEndpoint: Endpoint = { webhook_id: null, webhook_url: null, webhook_secret: null, retry_enabled: null, max_retries: null }

/** `value` and `instructions` as the text of their jsonb: the driver would round their numbers, and a tenant's go out as written. */
type RowOfReward = Omit<FoundReward, keyof Endpoint | 'value' | 'instructions'> & {
  readonly value: string | null
  readonly instructions: string | null
  readonly wanted_url: string | null
}

function jsonOf(text: string | null): Json {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the text of a jsonb is JSON
  return text === null ? null : (parseExactJson(text) as Json)
}

/** @throws {Error} the intent was not written by this consumer. */
export function userRewardIdOf(intent: Intent): string {
  const id = intent.data['user_reward_id']
  if (typeof id !== 'string') throw new Error('The intent names no user_reward_id.')
  return id
}

/**
 * The clock comes first and everything else is joined to it, so that there always is a row. Reward data goes before the reward's own configuration.
 */
const statement = `
  SELECT parameters.now, ur.id AS user_reward_id, ur.status, coalesce(ur.expires_at <= parameters.now, false) AS expired,
    r.id AS reward_id, r.name AS reward_name, r.description AS reward_description, r.type AS reward_type, r.delivery_method,
    nullif(trim(ur.reward_data->>'code'), '') AS code, nullif(trim(r.config->>'code_template'), '') AS code_template,
    coalesce(nullif(ur.reward_data->'value', 'null'), r.config->'value')::text AS value,
    coalesce(nullif(ur.reward_data->'instructions', 'null'), r.config->'instructions')::text AS instructions,
    ${personColumns}, ${addressColumns('$2::text')}, ${eligibilityColumns}, ${templateColumns},
    r.delivery_config->>'webhook_url' AS wanted_url
  FROM (SELECT now() AS now, $1::uuid AS id) parameters
  LEFT JOIN platform.user_rewards ur ON ur.id = parameters.id
  LEFT JOIN platform.rewards r ON r.id = ur.reward_id
  LEFT JOIN platform.waitlist_users u ON u.id = ur.user_id
  ${eligibilityJoins}
  ${templateJoin(`t.type = 'custom' AND t.name = 'reward_delivery'`)}`

/**
 * Where a webhook of campaign $1 may go, the campaign's own before the account's, lowest id first; with $2 that one alone. Which of
 * them has the reward's URL is not for SQL to say.
 */
const endpointsStatement = `
  SELECT w.id AS webhook_id, w.url AS webhook_url, w.secret AS webhook_secret, w.retry_enabled, w.max_retries
  FROM platform.campaigns c
  JOIN platform.webhooks w ON w.campaign_id = c.id OR (w.campaign_id IS NULL AND w.account_id = c.account_id)
  WHERE c.id = $1 AND w.status = 'active' AND w.deleted_at IS NULL AND ($2::uuid IS NULL OR w.id = $2)
  ORDER BY w.campaign_id IS NULL, w.id`
