import type { Found, GrantRow } from './found.ts'
import type { Expected } from './reference-model.ts'

/** The actual result compared with the expected one. */
export interface Comparison {
  readonly mails: { readonly expected: number; readonly received: number; readonly duplicates: number }
  readonly rewards: { readonly expected: number; readonly delivered: number }
  readonly positions: { readonly checked: number; readonly wrong: number }
  readonly deadLetters: { readonly expected: number; readonly found: number }
  /** Events counted by `analytics-workers`. */
  readonly eventCounts: { readonly expected: number; readonly found: number }
  /** A line for each kind of difference; none when all agree. */
  readonly differences: readonly string[]
}

export function compare(expected: Expected, found: Found): Comparison {
  const wrong = [...new Set([...expected.positions.keys(), ...found.positions.keys()])].filter(
    (id) => expected.positions.get(id) !== found.positions.get(id),
  )
  const delivered = found.grants.filter(({ status }) => status === 'delivered')
  return {
    mails: { expected: total(expected.mails), received: total(found.mails), duplicates: found.duplicateMails },
    rewards: { expected: expected.rewards.byMail.size + expected.rewards.byWebhook.size, delivered: delivered.length },
    positions: { checked: expected.positions.size, wrong: wrong.length },
    deadLetters: { expected: total(expected.deadLetters), found: total(found.deadLetters) },
    eventCounts: { expected: total(expected.eventCounts), found: total(found.eventCounts) },
    differences: [
      ...differencesOf('mails', expected.mails, found.mails),
      ...(found.duplicateMails > 0 ? [`mails: ${found.duplicateMails} arrived a second time`] : []),
      ...rewardDifferences(expected, found),
      ...(wrong.length > 0 ? [`positions: ${wrong.length} wrong, such as that of ${wrong[0]}`] : []),
      ...differencesOf('dead letters', expected.deadLetters, found.deadLetters),
      ...differencesOf('event counts', expected.eventCounts, found.eventCounts),
    ],
  }
}

function rewardDifferences({ rewards }: Expected, found: Found): string[] {
  const should = new Set([...rewards.byMail, ...rewards.byWebhook])
  const late = found.grants.filter(({ id, status }) => should.has(id) && status !== 'delivered')
  const early = found.grants.filter(({ id, status }) => !should.has(id) && status !== 'earned')
  const missing = should.size + rewards.untouched.size - found.grants.length
  const codeless = found.grants.filter((grant) => grant.status === 'delivered' && !hasItsCode(grant))
  const codes = found.grants.filter(({ code }) => code !== null).map(({ campaign_id, code }) => `${campaign_id} ${code}`)
  return [
    ...differencesOf('webhooks', new Map([...rewards.byWebhook].map((id) => [id, 1])), found.webhooks.deliveries),
    ...sentence(found.webhooks.repeated, 'webhooks arrived a second time'),
    ...sentence(found.webhooks.unsigned, 'webhooks had a wrong signature'),
    ...sentence(late.length, 'rewards are not delivered'),
    ...sentence(early.length, 'undeliverable rewards were changed'),
    ...sentence(missing, 'rewards have no row'),
    ...sentence(codeless.length, 'rewards were delivered without their code'),
    ...sentence(codes.length - new Set(codes).size, 'reward codes were given twice'),
  ]
}

function hasItsCode({ code, code_template: template }: GrantRow): boolean {
  if (template === null) return true
  const [before = '', after = ''] = template.split('{random}')
  return code !== null && code.startsWith(before) && code.endsWith(after) && code.length > before.length + after.length
}

function sentence(count: number, words: string): string[] {
  return count === 0 ? [] : [`rewards: ${count} ${words}`]
}

/** Too few and too many, with an example of each. */
function differencesOf(what: string, expected: ReadonlyMap<string, number>, found: ReadonlyMap<string, number>): string[] {
  const keys = [...new Set([...expected.keys(), ...found.keys()])]
  const by = (key: string) => (found.get(key) ?? 0) - (expected.get(key) ?? 0)
  const mismatch = (words: string, differing: readonly string[]) =>
    differing.length === 0
      ? []
      : [`${what}: ${differing.reduce((sum, key) => sum + Math.abs(by(key)), 0)} ${words}, such as ${differing.slice(0, 3).join(', ')}`]
  return [
    ...mismatch(
      'missing',
      keys.filter((key) => by(key) < 0),
    ),
    ...mismatch(
      'too many',
      keys.filter((key) => by(key) > 0),
    ),
  ]
}

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
