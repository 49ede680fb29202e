import type { Intent } from '../../src/model/intent.ts'

/** A claimed live mail, first attempt, with what the test wants otherwise. */
export function sampleIntent(change: Partial<Intent> = {}): Intent {
  const id = change.id ?? '1'
  return {
    id,
    group: 'test-workers',
    kind: 'mail',
    version: 1,
    channel: 'email',
    key: `key:${id}`,
    class: 'live',
    coalesce: false,
    eventId: '00000000-0000-4000-8000-0000000000e1',
    eventAt: new Date(Date.UTC(2030, 0, 1)),
    correlationId: null,
    traceparent: null,
    campaignId: '00000000-0000-4000-8000-0000000000c1',
    userId: '00000000-0000-4000-8000-0000000000a1',
    destination: null,
    data: {},
    attempt: 0,
    ambiguous: 0,
    waitingSince: null,
    reason: null,
    createdAt: new Date(Date.UTC(2030, 0, 1)),
    frozen: null,
    claim: { id, owner: 'me', claims: 1 },
    ...change,
  }
}
