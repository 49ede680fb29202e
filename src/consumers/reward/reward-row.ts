import type { Intent, Json } from '../../model/intent.ts'
import { parseExactJson } from '../../std/exact-json.ts'
import type { Sql } from '../../std/sql.ts'
import { sqlArray } from '../../std/sql-array.ts'
import { templateColumns, templateJoin, type TemplateRow } from '../campaign-template.ts'
import { eligibilityColumns, eligibilityJoins, type EligibilityRow } from '../eligibility.ts'
import { expectOne } from '../expect-one.ts'
import { addressColumns, claimedTo, inEverySpelling, type AddressRow } from '../mail-rules.ts'
import { personColumns, type PersonRow } from '../person-mail.ts'
import { sameUrl } from './same-url.ts'
import { codeColumn, codeTemplateColumn } from './start-condition.ts'

/** Everything that the decision about a reward needs. Columns of rows that do not exist (yet) are null. */
export type RewardRow = MissingReward | FoundReward

export interface MissingReward extends EligibilityRow {
  /** The database's clock. */
  readonly now: Date
  readonly user_reward_id: null
  readonly campaign_id: null
  readonly address: null
  readonly suppressions: null
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

/**
 * Reads the rewards of a block of intents in one statement, which sees one snapshot, and their endpoints in another. Answers for each
 * intent, in their order.
 */
export async function readRewards(intents: readonly Intent[], read: Sql): Promise<readonly RewardRow[]> {
  const found = await read.query<MissingReward | RowOfReward>(statement, [
    sqlArray(intents, userRewardIdOf),
    sqlArray(intents, (intent) => claimedTo(intent)),
  ])
  if (found.length !== intents.length) throw new Error(`The statement that reads ${intents.length} rewards returned ${found.length} rows.`)
  const rows = await inEverySpelling(read, found)
  const endpoints = await readEndpoints(
    intents.map((intent, n) => wantedOf(intent, rows[n])),
    read,
  )
  return rows.map((row, n) => {
    if (row.user_reward_id === null) return row
    const { wanted_url: _, value, instructions, ...rest } = row
    return { ...rest, ...(endpoints[n] ?? noEndpoint), value: jsonOf(value), instructions: jsonOf(instructions) }
  })
}

/** An endpoint of a campaign: this one, or else the first with this URL. */
interface Wanted {
  readonly campaignId: string
  readonly endpointId: string | null
  readonly url: string
}

/** An intent that has started keeps its endpoint, whatever its URL is now. */
function wantedOf(intent: Intent, row: MissingReward | RowOfReward | undefined): Wanted | null {
  if (row === undefined || row.user_reward_id === null) return null
  const { campaign_id: campaignId, wanted_url: url } = row
  const begun = intent.frozen?.envelope['endpointId']
  if (typeof begun === 'string') return { campaignId, endpointId: begun, url: '' }
  return url === null || row.delivery_method !== 'webhook' ? null : { campaignId, endpointId: null, url }
}

/** The endpoints of each campaign are read once, however many intents of the block go to one of them. */
async function readEndpoints(wanted: readonly (Wanted | null)[], read: Sql): Promise<readonly Endpoint[]> {
  const keyOf = ({ campaignId, endpointId }: Wanted) => `${campaignId} ${endpointId ?? ''}`
  const requests = new Map(wanted.filter((want) => want !== null).map((want) => [keyOf(want), want]))
  if (requests.size === 0) return wanted.map(() => noEndpoint)
  const distinct = [...requests.values()]
  const found = await read.query<Endpoint & { readonly n: number }>(endpointsStatement, [
    sqlArray(distinct, ({ campaignId }) => campaignId),
    sqlArray(distinct, ({ endpointId }) => endpointId),
  ])
  const keys = [...requests.keys()]
  const endpoints = Map.groupBy(found, ({ n }) => keys[n - 1])
  return wanted.map((want) => {
    if (want === null) return noEndpoint
    const candidates = endpoints.get(keyOf(want)) ?? []
    const matches = ({ webhook_url: url }: Endpoint) => want.endpointId !== null || (url !== null && sameUrl(url, want.url))
    return candidates.find(matches) ?? noEndpoint
  })
}

type Endpoint = Pick<FoundReward, 'webhook_id' | 'webhook_url' | 'webhook_secret' | 'retry_enabled' | 'max_retries'>

const noEndpoint: Endpoint = { webhook_id: null, webhook_url: null, webhook_secret: null, retry_enabled: null, max_retries: null }

/** `value` and `instructions` as the text of their jsonb: the driver would round their numbers, and a tenant's values are sent as written. */
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
 * Everything is joined to the clock, so that each intent has a row. The data of the granted reward takes precedence over the reward's configuration.
 */
const statement = `
  SELECT parameters.now, ur.id AS user_reward_id, ur.status, coalesce(ur.expires_at <= parameters.now, false) AS expired,
    r.id AS reward_id, r.name AS reward_name, r.description AS reward_description, r.type AS reward_type, r.delivery_method,
    ${codeColumn} AS code, ${codeTemplateColumn} AS code_template,
    coalesce(nullif(ur.reward_data->'value', 'null'), r.config->'value')::text AS value,
    coalesce(nullif(ur.reward_data->'instructions', 'null'), r.config->'instructions')::text AS instructions,
    ${personColumns}, ${addressColumns('parameters.handed_over')}, ${eligibilityColumns}, ${templateColumns},
    r.delivery_config->>'webhook_url' AS wanted_url
  FROM (SELECT now() AS now, q.* FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS q (id, handed_over, n)) parameters
  LEFT JOIN platform.user_rewards ur ON ur.id = parameters.id
  LEFT JOIN platform.rewards r ON r.id = ur.reward_id
  LEFT JOIN platform.waitlist_users u ON u.id = ur.user_id
  ${eligibilityJoins}
  ${templateJoin(`t.type = 'custom' AND t.name = 'reward_delivery'`)}
  WHERE ${expectOne('parameters.n')}
  ORDER BY parameters.n`

/**
 * The active endpoints of each campaign, its own before those of the account, lowest id first; with an id, that endpoint alone. URLs are
 * compared by the caller, not in SQL.
 */
const endpointsStatement = `
  SELECT parameters.n::int AS n, w.id AS webhook_id, w.url AS webhook_url, w.secret AS webhook_secret, w.retry_enabled, w.max_retries
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS parameters (campaign_id, endpoint_id, n)
  JOIN platform.campaigns c ON c.id = parameters.campaign_id
  JOIN platform.webhooks w ON w.campaign_id = c.id OR (w.campaign_id IS NULL AND w.account_id = c.account_id)
  WHERE ${expectOne('parameters.n')} AND w.status = 'active' AND w.deleted_at IS NULL AND (parameters.endpoint_id IS NULL OR w.id = parameters.endpoint_id)
  ORDER BY parameters.n, w.campaign_id IS NULL, w.id`
