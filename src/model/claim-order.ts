import type { Claim } from './intent.ts'

/**
 * The owner of a claim: the `count`-th of the group in this process. No two claims share a name. A database that went back in time gives ids and
 * counts of claims out again, and an answer that was kept meanwhile would be written to whichever intent has them now.
 */
export function claimOwner(process: string, group: string, count: number): string {
  return `${process}:${group}:${count}`
}

/**
 * Whether this process has made `one` after `other`, both claims of one id. Their owners decide; the row's own count of claims, which a failover
 * may have set back, only where these are not of one process.
 */
export function isNewerClaim(one: Claim, other: Claim): boolean {
  const [a, b] = [madeBy(one), madeBy(other)]
  return a !== null && b !== null && a.by === b.by ? a.count > b.count : one.claims > other.claims
}

function madeBy({ owner }: Claim): { readonly by: string; readonly count: number } | null {
  const [, by, count] = /^(.*):(\d+)$/.exec(owner) ?? []
  return by === undefined ? null : { by, count: Number(count) }
}
