/**
 * A failure that an operator can fix. The message is one sentence that names the problem and the way out; it holds no secret and is
 * shown without a stack trace.
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
}

/** A server does not answer: nothing was changed, and a later attempt may succeed without a change by the operator. */
export class ServerAway extends OperatorError {}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** Formats a message as a sentence: capital letter first, full stop last. */
export function asSentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1)
  return /[.!?…]$/.test(text) ? text : `${text}.`
}
