/** Records of a broken or foreign publisher. */
export const badKinds = [
  'not-json',
  'invalid-data',
  'too-deep',
  'unknown-type',
  'type-mismatch',
  'not-utf8',
  'unsupported-version',
  'not-an-envelope',
  'foreign-type',
] as const

export type BadKind = (typeof badKinds)[number]

export interface BadRecord {
  readonly kind: BadKind
  /** The key. */
  readonly campaignId: string
  readonly accountId: string
  /** Ids for what looks like an event. */
  readonly eventId: string
  readonly personId: string
}

/** The bytes. Without a header every group has to parse; with one, only those that handle the type. */
export function encodeBadRecord(bad: BadRecord, at: Date): { key: string; value: Buffer; headers: Record<string, string> } {
  const { headers, value } = encoders[bad.kind](bad, at.toISOString())
  return { key: bad.campaignId, value: typeof value === 'string' ? Buffer.from(value) : value, headers }
}

type Encoder = (bad: BadRecord, timestamp: string) => { headers: Record<string, string>; value: string | Buffer }

const encoders: Readonly<Record<BadKind, Encoder>> = {
  'not-json': () => ({ headers: {}, value: '{"type": "user.signed_up", ' }),
  'not-utf8': () => ({ headers: {}, value: Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]) }),
  'too-deep': () => ({ headers: { 'event-type': 'referral.verified' }, value: '['.repeat(500) + ']'.repeat(500) }),
  'invalid-data': (bad, timestamp) => typed('reward.earned', 'reward.earned', bad, timestamp, { campaign_id: bad.campaignId }),
  'not-an-envelope': () => ({ headers: { 'event-type': 'campaign.milestone_reached' }, value: '{"milestone": "100_participants"}' }),
  'type-mismatch': (bad, timestamp) => typed('user.signed_up', 'user.verified', bad, timestamp, personData(bad)),
  'unsupported-version': (bad, timestamp) => {
    const { headers, value } = typed('user.verified', 'user.verified', bad, timestamp, personData(bad))
    return { headers: { ...headers, 'event-version': '99' }, value }
  },
  'unknown-type': (bad, timestamp) => typed('user.renamed', 'user.renamed', bad, timestamp, personData(bad)),
  'foreign-type': (bad, timestamp) => typed('order.placed', 'order.placed', bad, timestamp, {}),
}

function typed(
  inHeader: string,
  inBody: string,
  bad: BadRecord,
  timestamp: string,
  data: object,
): { headers: Record<string, string>; value: string } {
  return {
    headers: { 'event-type': inHeader },
    value: JSON.stringify({ id: bad.eventId, type: inBody, account_id: bad.accountId, campaign_id: bad.campaignId, data, timestamp }),
  }
}

function personData(bad: BadRecord) {
  return { user_id: bad.personId, campaign_id: bad.campaignId, email: 'guest@example.org' }
}
