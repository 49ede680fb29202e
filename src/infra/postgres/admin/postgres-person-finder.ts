import type { FoundPerson, PersonFinder } from '../../../admin/people/person-finder.ts'
import { spellingsOf } from '../../../std/address-spelling.ts'
import type { Sql } from '../../../std/sql.ts'

/**
 * Finds participants by address: in any spelling, as suppressions are found. The platform has no index on the address alone, and keeps it as
 * it was typed, so its participants are read once: about half a second per million. Neither intents nor outcomes are read.
 */
export function createPersonFinder(sql: Sql): PersonFinder {
  return {
    byAddress: (address) => sql.query<FoundPerson>(byAddressStatement, [spellingsOf(address)]),
    addressOf: async (userId) => {
      const [row] = await sql.query<{ email: string }>('SELECT email FROM platform.waitlist_users WHERE id = $1', [userId])
      return row?.email ?? null
    },
  }
}

const byAddressStatement = `
SELECT id AS "userId", campaign_id AS "campaignId", deleted_at IS NOT NULL AS deleted
  FROM platform.waitlist_users
 WHERE lower(email) = ANY (ARRAY(SELECT lower(s) FROM unnest($1::text[]) AS s))
 ORDER BY created_at DESC, id`
