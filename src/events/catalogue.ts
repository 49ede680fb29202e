import { Compile } from 'typebox/schema'
import type { EventData, EventType } from './event.ts'

// The schemas are written as JSON Schema: the builder of the same package would load 500 files more.
const string = { type: 'string' } as const
const uuid = { type: 'string', format: 'uuid' } as const
/** Informational only; mails go to the address in the database. */
const address = { type: 'string', minLength: 1, maxLength: 1_000 } as const

/** A JSON Schema of an object in which every named property is required, and others are allowed. */
interface ObjectSchema {
  readonly type: 'object'
  readonly required: readonly string[]
  readonly properties: Readonly<Record<string, object>>
}

function object<const Properties extends ObjectSchema['properties']>(properties: Properties) {
  return { type: 'object', required: Object.keys(properties), properties } as const
}

interface CatalogueEntry {
  /** Version that the publisher writes; decoding upgrades older ones. */
  readonly version: number
  readonly summary: string
  readonly data: ObjectSchema
  /** Fields of `data` that identify the fact; the event id and the content hash are derived from them. */
  readonly identity: readonly string[]
}

/** Every event type with its current version, the schema of its `data` and its identity. */
export const catalogue: {
  readonly [Type in EventType]: CatalogueEntry & { readonly identity: readonly (keyof EventData[Type] & string)[] }
} = {
  'user.signed_up': {
    version: 1,
    summary: 'A person joined the waitlist of a campaign.',
    data: object({ user_id: uuid, campaign_id: uuid, email: address }),
    identity: ['user_id'],
  },
  'user.verified': {
    version: 1,
    summary: 'A person confirmed their email address.',
    data: object({ user_id: uuid, campaign_id: uuid, email: address }),
    identity: ['user_id'],
  },
  'referral.created': {
    version: 1,
    summary: 'A person joined through the link of another.',
    data: object({ referral_id: uuid, referrer_id: uuid, referred_id: uuid, campaign_id: uuid }),
    identity: ['referral_id'],
  },
  'referral.verified': {
    version: 1,
    summary: 'A referred person confirmed their address; the referral counts.',
    data: object({ referral_id: uuid, referrer_id: uuid, referred_id: uuid, campaign_id: uuid, points_per_referral: { type: 'number' } }),
    identity: ['referral_id'],
  },
  'reward.earned': {
    version: 1,
    summary: 'A person earned a reward.',
    data: object({ user_reward_id: uuid, user_id: uuid, campaign_id: uuid, reward_id: uuid }),
    identity: ['user_reward_id'],
  },
  'campaign.milestone_reached': {
    version: 1,
    summary: 'A campaign reached a milestone.',
    data: object({
      campaign_id: uuid,
      milestone: { type: 'string', minLength: 1, maxLength: 200 },
      participant_count: { type: 'integer', minimum: 0 },
    }),
    identity: ['campaign_id', 'milestone'],
  },
}

export const eventTypes = Object.keys(catalogue).filter(isEventType)

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(catalogue, type)
}

const envelope = object({
  id: uuid,
  type: string,
  account_id: uuid,
  campaign_id: uuid,
  data: object({}),
  timestamp: { type: 'string', format: 'date-time' },
})

const checkEnvelope = Compile(envelope)
const checkData = new Map(eventTypes.map((type) => [type, Compile(catalogue[type].data)]))

/** Null when `value` is a valid envelope, else the fields and the rules that they break; never a value. */
export function envelopeFault(value: unknown): string | null {
  if (!checkEnvelope.Check(value)) return rules(checkEnvelope.Errors(value)[1])
  return isInstant(String(value.timestamp)) ? null : '/timestamp breaks range'
}

/**
 * RFC 3339 allows times that a Date cannot represent (leap seconds, a time zone name after the offset), and offsets that move a time
 * beyond the years that PostgreSQL and RFC 3339 can represent.
 */
function isInstant(timestamp: string): boolean {
  const at = Date.parse(timestamp)
  return at >= EARLIEST && at <= LATEST
}

const EARLIEST = Date.parse('0001-01-01T00:00:00.000Z')
const LATEST = Date.parse('9999-12-31T23:59:59.999Z')

/** Same as {@link envelopeFault}, for the `data` of an event of `type`. */
export function dataFault(type: EventType, data: unknown): string | null {
  const check = checkData.get(type)
  if (check === undefined) return `type ${type} is not in the catalogue`
  return check.Check(data) ? null : rules(check.Errors(data)[1])
}

function rules(errors: readonly { instancePath: string; keyword: string; params: object }[]): string {
  return errors
    .slice(0, 5)
    .map((error) => {
      const missing = 'requiredProperties' in error.params ? `: ${String(error.params.requiredProperties)}` : ''
      return `${error.instancePath === '' ? '/' : error.instancePath} breaks ${error.keyword}${missing}`
    })
    .join('; ')
}
