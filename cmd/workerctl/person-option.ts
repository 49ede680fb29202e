import type { Command } from 'commander'
import { uuidOf } from '../../src/admin/intents/intent-filter.ts'
import { addressOption, onlyPerson } from '../../src/admin/people/person-finder.ts'
import { createPersonFinder } from '../../src/infra/postgres/admin/postgres-person-finder.ts'
import { OperatorError } from '../../src/std/failure.ts'
import type { Sql } from '../../src/std/sql.ts'

/** The two ways to name a person. */
export interface PersonOptions {
  readonly user?: string
  readonly email?: string
}

export function addPersonOptions(command: Command): Command {
  return command
    .option('--user <uuid>', 'the person by the id in waitlist_users')
    .option('--email <address>', 'the person by mail address, in any spelling; --user, if several campaigns have it')
}

/**
 * The named person, by id; null when neither option is given. `campaignId` narrows the search for an address.
 *
 * @throws {OperatorError} both are given, nobody has the address, or several people have it.
 */
export async function personOf({ user, email }: PersonOptions, sql: Sql, campaignId: string | null = null): Promise<string | null> {
  if (user !== undefined && email !== undefined) throw new OperatorError('Give --user or --email, not both.')
  if (email === undefined) return uuidOf('--user', user)
  return onlyPerson(await createPersonFinder(sql).byAddress(addressOption(email), campaignId)).userId
}

/**
 * The same for a command that needs one.
 *
 * @throws {OperatorError} also when neither option is given.
 */
export async function requirePerson(options: PersonOptions, sql: Sql, campaignId: string | null = null): Promise<string> {
  const found = await personOf(options, sql, campaignId)
  if (found === null) throw new OperatorError('Name the person: give --user or --email.')
  return found
}
