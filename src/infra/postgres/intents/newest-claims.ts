import { isNewerClaim } from '../../../model/claim-order.ts'
import type { Claim, Intent } from '../../../model/intent.ts'

/**
 * Makes a write of many safe for two claims of one intent: a process claims again what it still holds when its lease is over, as after an outage
 * of the database, or when a failover has lost its claim. Both may then wait for the same statement, which finds its rows, their logs and its
 * answers by the intent. Items with a newer claim beside them are not written, and answered with `lost`: the database took theirs back before
 * it gave out the newer one.
 */
export async function writeNewestClaims<Item, Result>(
  items: readonly Item[],
  intentOf: (item: Item) => Intent,
  lost: Result,
  write: (items: readonly Item[]) => Promise<readonly Result[]>,
): Promise<readonly Result[]> {
  const newest = new Map<string, Claim>()
  for (const { claim } of items.map(intentOf)) {
    const other = newest.get(claim.id)
    if (other === undefined || isNewerClaim(claim, other)) newest.set(claim.id, claim)
  }
  const isNewest = ({ claim }: Intent) => {
    const best = newest.get(claim.id)
    return best?.owner === claim.owner && best.claims === claim.claims
  }
  const written = items.filter((item) => isNewest(intentOf(item)))
  const results = await write(written)
  if (written.length === items.length) return results
  const answers = new Map(written.map((item, index) => [item, results[index]]))
  return items.map((item) => answers.get(item) ?? lost)
}
