import type { Intent } from '../../../model/intent.ts'

/**
 * Makes a write of many safe for two claims of one intent: a process claims again what it still holds when its lease is over, as after an outage
 * of the database, and both may then wait for the same statement, which finds its rows, their logs and its answers by the intent. Items
 * with a newer claim beside them are not written, and answered with `lost`: the database took theirs back before it gave out the newer one.
 */
export async function writeNewestClaims<Item, Result>(
  items: readonly Item[],
  intentOf: (item: Item) => Intent,
  lost: Result,
  write: (items: readonly Item[]) => Promise<readonly Result[]>,
): Promise<readonly Result[]> {
  const newest = new Map<string, number>()
  for (const { claim } of items.map(intentOf)) newest.set(claim.id, Math.max(claim.claims, newest.get(claim.id) ?? 0))
  const isNewest = ({ claim }: Intent) => newest.get(claim.id) === claim.claims
  const written = items.filter((item) => isNewest(intentOf(item)))
  const results = await write(written)
  if (written.length === items.length) return results
  const answers = new Map(written.map((item, index) => [item, results[index]]))
  return items.map((item) => answers.get(item) ?? lost)
}
