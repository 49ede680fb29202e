import { OperatorError } from '../../std/failure.ts'

/** A participant with the address that was searched for. */
export interface FoundPerson {
  readonly userId: string
  readonly campaignId: string
  readonly deleted: boolean
}

/** The port that finds people by address. Throws SqlError. */
export interface PersonFinder {
  /** Participants whose address is this mailbox in any spelling, by campaign; of one campaign where one is given. */
  byAddress(address: string, campaignId: string | null): Promise<readonly FoundPerson[]>
  /** The address of a participant; null when there is no row. */
  addressOf(userId: string): Promise<string | null>
}

/**
 * An address as an operator types it.
 *
 * @throws {OperatorError} when it is none. The text is not repeated.
 */
export function addressOption(text: string): string {
  if (/^\S+@\S+$/.test(text)) return text
  throw new OperatorError('--email is not a mail address: give it without a name, such as guest@example.com.')
}

/**
 * The one participant among these.
 *
 * @throws {OperatorError} nobody has the address, or people of several campaigns have it: they are listed by id.
 */
export function onlyPerson(found: readonly FoundPerson[]): FoundPerson {
  const [person, another] = found
  if (person === undefined) {
    throw new OperatorError(
      'No participant has this address: none ever joined with it, or the row in waitlist_users is gone. workerctl suppressions list --email shows whether the address is suppressed.',
    )
  }
  if (another === undefined) return person
  const each = found.map(({ userId, campaignId }) => `--user ${userId} (campaign ${campaignId})`)
  throw new OperatorError(`${found.length} participants have this address: give one of ${each.join(', ')}.`)
}
