import type { LogRecord } from './history.ts'

/** An event as the checker reads it; uuids in lower case. */
export interface Event {
  readonly id: string
  readonly type: string
  readonly campaignId: string
  /** Epoch milliseconds. */
  readonly at: number
  readonly data: Readonly<Record<string, unknown>>
  /** The type and the fields that identify the fact; events of the same id with different content differ in it. */
  readonly identity: string
}

/** What a parser makes of a record. */
export type Reading = { readonly is: 'event'; readonly event: Event } | { readonly is: 'unknown' } | { readonly is: 'bad' }

const MAX_DEPTH = 32
const bad: Reading = { is: 'bad' }

/** Bytes to event by the documented rules: size, depth, UTF-8, JSON, envelope, headers, data. */
export function readEnvelope(value: Buffer | null, headers: LogRecord['headers'], maxBytes: number): Reading {
  if (value === null || value.length === 0 || value.length > maxBytes || depthOf(value) > MAX_DEPTH) return bad
  const parsed = parse(value)
  if (!isObject(parsed)) return bad
  const { id, type, account_id: accountId, campaign_id: campaignId, data, timestamp } = parsed
  if (!isUuid(id) || !isUuid(accountId) || !isUuid(campaignId) || typeof type !== 'string' || !isObject(data)) return bad
  const at = instantOf(timestamp)
  if (at === null || namedTypes(headers).some((named) => named !== type)) return bad
  const shape = Object.hasOwn(shapes, type) ? shapes[type] : undefined
  if (shape === undefined) return { is: 'unknown' }
  if (valuesOf(headers, 'event-version').some((version) => version !== '1')) return bad
  if (!Object.entries(shape.fields).every(([name, holds]) => Object.hasOwn(data, name) && holds(data[name]))) return bad
  const lower = Object.fromEntries(
    Object.keys(shape.fields).map((name) => {
      const field = data[name]
      return [name, name.endsWith('_id') && typeof field === 'string' ? field.toLowerCase() : field]
    }),
  )
  if (lower['campaign_id'] !== campaignId.toLowerCase()) return bad
  const identity = [type, ...shape.identity.map((name) => String(lower[name]))].join('\n')
  return { is: 'event', event: { id: id.toLowerCase(), type, campaignId: campaignId.toLowerCase(), at, data: lower, identity } }
}

/** The types that the headers name: `event-type`, or without it `ce_type`. */
export function namedTypes(headers: LogRecord['headers']): readonly string[] {
  const own = valuesOf(headers, 'event-type')
  return own.length > 0 ? own : valuesOf(headers, 'ce_type')
}

function valuesOf(headers: LogRecord['headers'], name: string): readonly string[] {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined
  return (value === undefined ? [] : typeof value === 'string' ? [value] : value).filter((text) => text !== '')
}

function parse(value: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value))
  } catch {
    // The caller only distinguishes objects from everything else.
    return undefined
  }
}

/** The deepest nesting of brackets outside of strings. */
function depthOf(json: Buffer): number {
  let depth = 0
  let deepest = 0
  let quoted = false
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at]
    if (byte === 0x22) quoted = !quoted
    else if (quoted && byte === 0x5c) at += 1
    else if (!quoted && (byte === 0x7b || byte === 0x5b)) deepest = Math.max(deepest, (depth += 1))
    else if (!quoted && (byte === 0x7d || byte === 0x5d)) depth -= 1
  }
  return deepest
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i

/** Epoch milliseconds of an RFC 3339 time in the years 1 to 9999, null for anything else. */
function instantOf(value: unknown): number | null {
  const parts = typeof value === 'string' ? rfc3339.exec(value) : null
  if (parts === null) return null
  const [text, year, month, day] = parts
  const lastDay = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate()
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > lastDay) return null
  const at = Date.parse(text)
  return at >= Date.parse('0001-01-01T00:00:00Z') && at <= Date.parse('9999-12-31T23:59:59.999Z') ? at : null
}

type Holds = (value: unknown) => boolean
const textOf =
  (longest: number): Holds =>
  (value) =>
    typeof value === 'string' && value.length > 0 && Array.from(value).length <= longest
const isNumber: Holds = (value) => Number.isFinite(value)
const isCount: Holds = (value) => Number.isInteger(value) && Number(value) >= 0

const person = { user_id: isUuid, campaign_id: isUuid, email: textOf(1_000) }
const referral = { referral_id: isUuid, referrer_id: isUuid, referred_id: isUuid, campaign_id: isUuid }

const shapes: Readonly<Record<string, { readonly fields: Readonly<Record<string, Holds>>; readonly identity: readonly string[] }>> = {
  'user.signed_up': { fields: person, identity: ['user_id'] },
  'user.verified': { fields: person, identity: ['user_id'] },
  'referral.created': { fields: referral, identity: ['referral_id'] },
  'referral.verified': { fields: { ...referral, points_per_referral: isNumber }, identity: ['referral_id'] },
  'reward.earned': {
    fields: { user_reward_id: isUuid, user_id: isUuid, campaign_id: isUuid, reward_id: isUuid },
    identity: ['user_reward_id'],
  },
  'campaign.milestone_reached': {
    fields: { campaign_id: isUuid, milestone: textOf(200), participant_count: isCount },
    identity: ['campaign_id', 'milestone'],
  },
}
