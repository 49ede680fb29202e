import { SqlError } from '../std/sql.ts'

/**
 * Whose fault a failed accept is, decided here and nowhere else. Data exceptions (22), integrity violations (23) and program
 * limits (54) may be an event's own: it is dead-lettered when it fails alone, twice, while an accept of nothing but the
 * progress row succeeds. Everything else is the system's: wait, dead-letter nothing.
 *
 * SQLSTATE classes: PostgreSQL documentation, appendix A.
 */
export function mayBeTheEvents(error: unknown): boolean {
  return error instanceof SqlError && error.state !== undefined && OWN_CLASSES.has(error.state.slice(0, 2))
}

const OWN_CLASSES = new Set(['22', '23', '54'])

/** Error class, code and where in our code; never the message, which may hold an address. */
export function describeFault(error: unknown): string {
  if (error instanceof SqlError)
    return `SQLSTATE ${error.state ?? 'none'}${error.constraint === undefined ? '' : ` on ${error.constraint}`}`
  if (!(error instanceof Error)) return typeof error
  return [error.name, ...frames(error.stack ?? '')].join(' at ')
}

function frames(stack: string): string[] {
  return [...stack.matchAll(/\/((?:src|cmd)\/[\w./-]+:\d+)/g)].slice(0, 3).map((match) => match[1] ?? '')
}
