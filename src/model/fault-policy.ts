import { messageOf } from '../std/failure.ts'
import { SqlError } from '../std/sql.ts'

/**
 * What was being done: reading a record, asking the consumer, writing a chunk, reading the rows for an intent, or writing the
 * start or the end of an attempt into the platform's tables.
 */
type Step = 'decode' | 'decide' | 'accept' | 'prepare' | 'book'

/**
 * `own`: of the event or intent itself, at once. `own-when-proven`: when it fails alone, twice, while an accept of nothing but
 * the progress row succeeds. `system`: nobody's; wait, give nothing up.
 */
export type Whose = 'own' | 'own-when-proven' | 'system'

export interface FaultRule {
  readonly step: Step
  /** A class of SQLSTATE, an error that a trigger raised under a code that does not speak of the server, anything that is no error of the database, or just anything. */
  readonly fault: `sqlstate ${string}` | 'raised' | 'no sql error' | 'anything'
  readonly whose: Exclude<Whose, 'system'>
}

/**
 * Whose fault something is, decided here and nowhere else; what no line names is the system's. Data exceptions (22), integrity
 * violations (23) and program limits (54) may come from what an event holds; names and rights (42) from the statement that a
 * kind of intent asks with, which is no reason to hold up the others. The platform's tables may refuse a row by a length, a check
 * (44: of a view) or a trigger: that is the fault of this row, whatever the others are.
 *
 * SQLSTATE classes: PostgreSQL documentation, appendix A.
 */
export const faultRules: readonly FaultRule[] = [
  { step: 'decode', fault: 'anything', whose: 'own' },
  { step: 'decide', fault: 'anything', whose: 'own-when-proven' },
  { step: 'accept', fault: 'sqlstate 22', whose: 'own-when-proven' },
  { step: 'accept', fault: 'sqlstate 23', whose: 'own-when-proven' },
  { step: 'accept', fault: 'sqlstate 54', whose: 'own-when-proven' },
  { step: 'prepare', fault: 'sqlstate 22', whose: 'own' },
  { step: 'prepare', fault: 'sqlstate 23', whose: 'own' },
  { step: 'prepare', fault: 'sqlstate 42', whose: 'own' },
  { step: 'prepare', fault: 'no sql error', whose: 'own' },
  { step: 'book', fault: 'sqlstate 22', whose: 'own' },
  { step: 'book', fault: 'sqlstate 23', whose: 'own' },
  { step: 'book', fault: 'sqlstate 44', whose: 'own' },
  { step: 'book', fault: 'sqlstate 54', whose: 'own' },
  { step: 'book', fault: 'sqlstate P0', whose: 'own' },
  { step: 'book', fault: 'raised', whose: 'own' },
]

export function whoseFault(step: Step, error: unknown, rules = faultRules): Whose {
  return rules.find((rule) => rule.step === step && names(rule, error))?.whose ?? 'system'
}

function names({ fault }: FaultRule, error: unknown): boolean {
  if (fault === 'anything') return true
  if (fault === 'no sql error') return !(error instanceof SqlError)
  if (fault === 'raised')
    return error instanceof SqlError && error.raisedBy !== undefined && !ofTheServer.has(error.state?.slice(0, 2) ?? '')
  return error instanceof SqlError && error.state !== undefined && fault === `sqlstate ${error.state.slice(0, 2)}`
}

/** Connections, transactions, resources, locks, operators, the system: a trigger that raises one of these means that later is another matter. */
const ofTheServer = new Set(['08', '25', '40', '53', '55', '57', '58', 'XX'])

/** Error class, code and where in our code; never the message, which may hold an address. */
export function describeFault(error: unknown): string {
  return words(error, 3)
}

/**
 * Why something is tried again, for log and readiness: what a library for the network says of itself, but no text of the language's
 * own errors, which quote the value that they stumbled over.
 */
export function causeOf(error: unknown): string {
  if (error instanceof SqlError) return `database: ${describeFault(error)}`
  return quotesValues.some((type) => error instanceof type) ? describeFault(error) : messageOf(error)
}

const quotesValues = [TypeError, SyntaxError, RangeError, ReferenceError, URIError] as const

/** What makes two faults of consumer code the same: the class and the top place, as {@link describeFault} begins. */
export function fingerprintOf(error: unknown): string {
  return words(error, 1)
}

function words(error: unknown, places: number): string {
  if (error instanceof SqlError) return [`SQLSTATE ${error.state ?? 'none'}`, ...placesOf(error)].join(', ')
  if (!(error instanceof Error)) return typeof error
  return [error.name, ...frames(error.stack ?? '').slice(0, places)].join(' at ')
}

/** Names of the schema, never values. */
function placesOf({ constraint, table, raisedBy }: SqlError): string[] {
  return [
    ...(constraint === undefined ? [] : [`constraint ${constraint}`]),
    ...(table === undefined ? [] : [`table ${table}`]),
    ...(raisedBy === undefined ? [] : [`raised by ${raisedBy}`]),
  ]
}

function frames(stack: string): string[] {
  return [...stack.matchAll(/\/((?:src|cmd)\/[\w./-]+:\d+)/g)].map((match) => match[1] ?? '')
}
