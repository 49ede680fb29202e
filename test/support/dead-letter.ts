import type { DeadLetterRecord } from '../../src/admin/dead-letters/dead-letter-admin.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { createTypeFilter } from '../../src/ingest/type-filter.ts'

/** One letter of a sign-up that email-workers gave up. */
export const deadLetter: DeadLetterRecord = {
  group: 'stage.email-workers',
  topic: 'domain-events',
  partition: 3,
  offset: '4711',
  type: 'user.signed_up',
  eventId: null,
  reason: 'invalid-data',
  at: new Date(0),
  fingerprint: '0123456789ab',
  error: null,
  detail: null,
  state: 'open',
  replays: 0,
  edited: false,
}
const [consumer] = listedConsumers
if (consumer === undefined) throw new Error('there is no consumer')
/** As the group reads it. */
export const emailReader = { consumer, filter: createTypeFilter(consumer.types), maxEventBytes: 100_000, dedupeHorizon: () => 0 }
