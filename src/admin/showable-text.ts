import { OperatorError } from '../std/failure.ts'

/** Characters of an owner or a reason at most: they stand in log lines and tables. */
const LONGEST = 200

/**
 * What an operator says of a decision: who takes it and why. It is kept with the decision, and shown in listings, and that of pauses in logs,
 * health and `/status` as well; `workerctl forget` does not find it.
 *
 * @param option as it is given: an option of a command, or a field of a request
 * @param longest characters at most
 * @throws {OperatorError} a text is empty, too long or several lines, or holds an address.
 */
export function requireShowable(option: '--owner' | '--because' | '--note' | 'owner' | 'because', text: string, longest = LONGEST): string {
  const shown = text.trim()
  if (shown.includes('@'))
    throw new OperatorError(`${option} is kept and shown to others: give no address, but a name, a team or a ticket.`)
  if (shown !== '' && shown.length <= longest && !/\p{Cc}/u.test(shown)) return shown
  throw new OperatorError(`${option} must be one line of 1 to ${longest} characters.`)
}
