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

/** Looks the person up; `campaignId` narrows the search for an address. Throws OperatorError: nobody has it, or several people do. */
type FindPerson = (sql: Sql, campaignId?: string | null) => Promise<string>

/**
 * How to find the named person; null when neither option is given. Nothing is read yet.
 *
 * @throws {OperatorError} both are given, or one is malformed.
 */
export function personOption({ user, email }: PersonOptions): FindPerson | null {
  if (user !== undefined && email !== undefined) throw new OperatorError('Give --user or --email, not both.')
  if (email !== undefined) {
    const address = addressOption(email)
    return async (sql, campaignId = null) => onlyPerson(await createPersonFinder(sql).byAddress(address), campaignId).userId
  }
  const userId = uuidOf('--user', user)
  return userId === null ? null : () => Promise.resolve(userId)
}

/**
 * The same for a command that needs one.
 *
 * @throws {OperatorError} also when neither option is given.
 */
export function requiredPerson(options: PersonOptions): FindPerson {
  const find = personOption(options)
  if (find === null) throw new OperatorError('Name the person: give --user or --email.')
  return find
}
