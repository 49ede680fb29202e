import { canonicalAddress } from '../../../std/address-spelling.ts'
import type { Sql } from '../../../std/sql.ts'

/**
 * Puts on record that an address wants no more unsolicited mail from an account, in its canonical form and as it was given; given twice,
 * it is recorded once. Throws SqlError.
 */
export async function unsubscribe(
  sql: Sql,
  { accountId, address }: { readonly accountId: string; readonly address: string },
): Promise<'recorded' | 'unknown-account'> {
  const accounts = await sql.query(
    `WITH account AS (SELECT id FROM platform.accounts WHERE id = $1),
     recorded AS (
       INSERT INTO worker.suppressions (account_id, address_hash, reason)
       SELECT DISTINCT id, worker.address_hash(spelling), 'unsubscribed' FROM account CROSS JOIN unnest($2::text[]) AS spelling
       ON CONFLICT DO NOTHING
     )
     SELECT id FROM account`,
    [accountId, [canonicalAddress(address), address]],
  )
  return accounts.length > 0 ? 'recorded' : 'unknown-account'
}
