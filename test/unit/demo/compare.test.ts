import { expect, it } from 'vitest'
import { compare } from '../../../cmd/demo/compare.ts'
import type { Found } from '../../../cmd/demo/found.ts'
import type { Expected } from '../../../cmd/demo/reference-model.ts'

const expected: Expected = {
  events: 3,
  mails: new Map([['welcome p1@example.com', 1]]),
  rewards: { byMail: new Set(['g1']), byWebhook: new Set(['g2']), untouched: new Set(['g3']) },
  deadLetters: new Map([['email-workers', 1]]),
  eventCounts: new Map([['2026-03-01 user.signed_up c', 2]]),
  positions: new Map([['p1', 1]]),
}
const grant = (id: string, status: string, code: string | null = null) => ({ id, campaign_id: 'c', status, code, code_template: null })
const good: Found = {
  mails: new Map([['welcome p1@example.com', 1]]),
  duplicateMails: 0,
  webhooks: { deliveries: new Map([['g2', 1]]), repeated: 0, unsigned: 0 },
  grants: [grant('g1', 'delivered'), grant('g2', 'delivered'), grant('g3', 'earned')],
  deadLetters: new Map([['email-workers', 1]]),
  eventCounts: new Map([['2026-03-01 user.signed_up c', 2]]),
  positions: new Map([['p1', 1]]),
}

it('finds no difference where all agrees', () => {
  expect(compare(expected, good)).toEqual({
    mails: { expected: 1, received: 1, duplicates: 0 },
    rewards: { expected: 2, delivered: 2 },
    positions: { checked: 1, wrong: 0 },
    deadLetters: { expected: 1, found: 1 },
    eventCounts: { expected: 2, found: 2 },
    differences: [],
  })
})

it.each<[string, Partial<Found>]>([
  ['mails: 1 missing, such as welcome p1@example.com', { mails: new Map() }],
  ['mails: 2 too many, such as welcome p1@example.com', { mails: new Map([['welcome p1@example.com', 3]]) }],
  ['mails: 1 arrived a second time', { duplicateMails: 1 }],
  ['webhooks: 1 missing, such as g2', { webhooks: { ...good.webhooks, deliveries: new Map() } }],
  ['rewards: 1 webhooks arrived a second time', { webhooks: { ...good.webhooks, repeated: 1 } }],
  ['rewards: 1 webhooks had a wrong signature', { webhooks: { ...good.webhooks, unsigned: 1 } }],
  ['rewards: 1 rewards are not delivered', { grants: [grant('g1', 'earned'), grant('g2', 'delivered'), grant('g3', 'earned')] }],
  [
    'rewards: 1 undeliverable rewards were changed',
    { grants: [grant('g1', 'delivered'), grant('g2', 'delivered'), grant('g3', 'delivered')] },
  ],
  ['rewards: 1 rewards have no row', { grants: good.grants.slice(0, 2) }],
  [
    'rewards: 1 reward codes were given twice',
    { grants: [grant('g1', 'delivered', 'x'), grant('g2', 'delivered', 'x'), grant('g3', 'earned')] },
  ],
  ['positions: 1 wrong, such as that of p1', { positions: new Map([['p1', 2]]) }],
  ['positions: 1 wrong, such as that of p9', { positions: new Map([...good.positions, ['p9', 2]]) }],
  ['dead letters: 1 missing, such as email-workers', { deadLetters: new Map() }],
  ['event counts: 1 missing, such as 2026-03-01 user.signed_up c', { eventCounts: new Map([['2026-03-01 user.signed_up c', 1]]) }],
  ['event counts: 1 too many, such as 2026-03-01 user.signed_up c', { eventCounts: new Map([['2026-03-01 user.signed_up c', 3]]) }],
])('says so: %s', (sentence, wrong) => {
  const { differences } = compare(expected, { ...good, ...wrong })
  expect(differences).toEqual([expect.stringContaining(sentence)])
})
