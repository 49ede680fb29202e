import { OperatorError } from '../../std/failure.ts'

/** A participant with the address that was searched for. */
export interface FoundPerson {
  readonly userId: string
  readonly campaignId: string
  readonly deleted: boolean
}

/** The port that finds people by address. Throws SqlError. */
export interface PersonFinder {
  /** Participants whose address is this mailbox in any spelling, in any campaign; the newest first. */
  byAddress(address: string): Promise<readonly FoundPerson[]>
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
 * The one participant among these; in one campaign, if its id is given.
 *
 * @throws {OperatorError} nobody has the address, or people of several campaigns or of others have it: they are listed by id.
 */
export function onlyPerson(everybody: readonly FoundPerson[], campaignId: string | null = null): FoundPerson {
  const found = everybody.filter((one) => campaignId === null || one.campaignId === campaignId)
  const [person, another] = found
  if (person === undefined && everybody.length > 0)
    throw new OperatorError(`No participant of campaign ${campaignId} has this address, but of others: give one of ${idsOf(everybody)}.`)
  if (person === undefined) {
    throw new OperatorError(
      'No participant has this address: none ever joined with it, or the row in waitlist_users is gone. workerctl suppressions list --email shows whether the address is suppressed.',
    )
  }
  if (another === undefined) return person
  throw new OperatorError(`${found.length} participants have this address: give one of ${idsOf(found)}.`)
}

function idsOf(people: readonly FoundPerson[]): string {
  return people.map(({ userId, campaignId }) => `--user ${userId} (campaign ${campaignId})`).join(', ')
}
