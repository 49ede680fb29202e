/** First digits of the ids of each kind of row. */
const families = {
  account: 'a0000000',
  campaign: 'c0000000',
  template: 'e0000000',
  person: 'f0000000',
  reward: 'd0000000',
  endpoint: 'b0000000',
  userReward: 'd1000000',
  referral: 'd2000000',
} as const

type Family = keyof typeof families

/** The n-th id of a family, the same in every run. Its last twelve digits are the number, by which the sinks know what has arrived. */
export function idOf(family: Family, n: number): string {
  return `${families[family]}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
}

/** The same as SQL; `n` is an expression of type int. */
export function sqlIdOf(family: Family, n: string): string {
  return `('${families[family]}-0000-4000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`
}

/** The number of an id of any family. */
export const numberIn = (id: string) => Number.parseInt(id.slice(-12), 16)

/** Tenants of every workload, each an account with a campaign, a template, a reward and an endpoint. */
export const TENANTS = 20

/** Partitions of every topic; a campaign has one of them. */
export const PARTITIONS = 10

/** The tenant of the n-th person, in turn. */
export const tenantOf = (n: number, tenants = TENANTS) => n % tenants
