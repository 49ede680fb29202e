import type { NewSuppression } from '../../../admin/suppressions/suppression-admin.ts'
import { canonicalAddress } from '../../../std/address-spelling.ts'
import type { Sql } from '../../../std/sql.ts'

/**
 * Puts on record that an address wants no more unsolicited mail from an account; given twice, it is recorded once. Throws SqlError.
 */
export async function unsubscribe(sql: Sql, of: Omit<NewSuppression, 'reason'>): Promise<'recorded' | 'unknown-account'> {
  const is = await recordSuppression(sql, { ...of, reason: 'unsubscribed' })
  return is === 'unknown-account' ? is : 'recorded'
}

/** In the canonical form of the address and as it was given. `known`: nothing was written, because both are there. Throws SqlError. */
export async function recordSuppression(
  sql: Sql,
  { accountId, address, reason }: NewSuppression,
): Promise<'recorded' | 'known' | 'unknown-account'> {
  const [account] = await sql.query<{ recorded: number }>(
    `WITH account AS (SELECT id FROM platform.accounts WHERE id = $1),
     recorded AS (
       INSERT INTO worker.suppressions (account_id, address_hash, reason)
       SELECT DISTINCT id, worker.address_hash(spelling), $3 FROM account CROSS JOIN unnest($2::text[]) AS spelling
       ON CONFLICT DO NOTHING RETURNING 1
     )
     SELECT (SELECT count(*)::int FROM recorded) AS recorded FROM account`,
    [accountId, [canonicalAddress(address), address], reason],
  )
  if (account === undefined) return 'unknown-account'
  return account.recorded > 0 ? 'recorded' : 'known'
}
