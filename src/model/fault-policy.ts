import { messageOf } from '../std/failure.ts'
import { SqlError } from '../std/sql.ts'
import { ProjectionFailed } from './projection.ts'

/**
 * The step that failed: decoding a record, the consumer's decision, writing a chunk, the projection in it, reading rows for an intent, or recording the
 * start or the outcome of an attempt in the platform's tables.
 */
type Step = 'decode' | 'decide' | 'accept' | 'project' | 'prepare' | 'record'

/**
 * `poison`: the event or intent itself is at fault. `poison-if-reproducible`: poison once it has failed twice on its own while an
 * accept of nothing but the progress row succeeds. `transient`: anything else; retry, give nothing up.
 */
export type FaultClass = 'poison' | 'poison-if-reproducible' | 'transient'

export interface FaultRule {
  readonly step: Step
  /** A SQLSTATE class; an error raised by a trigger, unless its class is about the server; an error from outside the database; or any error. */
  readonly fault: `sqlstate ${string}` | 'raised' | 'no sql error' | 'anything'
  readonly class: Exclude<FaultClass, 'transient'>
}

/**
 * Error classification: the only table that decides it. Errors that match no line are transient. Data exceptions (22), integrity
 * violations (23) and program limits (54) may come from the content of an event; undefined names and missing rights (42) from the
 * statement of one kind of intent, which must not block the others. The platform's tables may reject a row by a length, a check
 * (44: of a view) or a trigger: then this row is poison, the others are not.
 *
 * SQLSTATE classes: PostgreSQL documentation, appendix A.
 */
export const faultRules: readonly FaultRule[] = [
  { step: 'decode', fault: 'anything', class: 'poison' },
  { step: 'decide', fault: 'anything', class: 'poison-if-reproducible' },
  { step: 'accept', fault: 'sqlstate 22', class: 'poison-if-reproducible' },
  { step: 'accept', fault: 'sqlstate 23', class: 'poison-if-reproducible' },
  { step: 'accept', fault: 'sqlstate 54', class: 'poison-if-reproducible' },
  // One event alone passes: the statement wrote a row twice, for two events of a chunk.
  { step: 'project', fault: 'sqlstate 21', class: 'poison-if-reproducible' },
  { step: 'project', fault: 'sqlstate 22', class: 'poison-if-reproducible' },
  { step: 'project', fault: 'sqlstate 23', class: 'poison-if-reproducible' },
  { step: 'project', fault: 'sqlstate 54', class: 'poison-if-reproducible' },
  { step: 'project', fault: 'sqlstate 44', class: 'poison-if-reproducible' },
  { step: 'project', fault: 'sqlstate P0', class: 'poison-if-reproducible' },
  { step: 'project', fault: 'raised', class: 'poison-if-reproducible' },
  { step: 'project', fault: 'no sql error', class: 'poison-if-reproducible' },
  { step: 'prepare', fault: 'sqlstate 22', class: 'poison' },
  { step: 'prepare', fault: 'sqlstate 23', class: 'poison' },
  { step: 'prepare', fault: 'sqlstate 42', class: 'poison' },
  { step: 'prepare', fault: 'no sql error', class: 'poison' },
  { step: 'record', fault: 'sqlstate 22', class: 'poison' },
  { step: 'record', fault: 'sqlstate 23', class: 'poison' },
  { step: 'record', fault: 'sqlstate 44', class: 'poison' },
  { step: 'record', fault: 'sqlstate 54', class: 'poison' },
  { step: 'record', fault: 'sqlstate P0', class: 'poison' },
  { step: 'record', fault: 'raised', class: 'poison' },
]

export function classifyFault(step: Step, error: unknown, rules = faultRules): FaultClass {
  return rules.find((rule) => rule.step === step && matches(rule, error))?.class ?? 'transient'
}

function matches({ fault }: FaultRule, error: unknown): boolean {
  if (fault === 'anything') return true
  if (fault === 'no sql error') return !(error instanceof SqlError)
  if (fault === 'raised')
    return error instanceof SqlError && error.raisedBy !== undefined && !serverClasses.has(error.state?.slice(0, 2) ?? '')
  return error instanceof SqlError && error.state !== undefined && fault === `sqlstate ${error.state.slice(0, 2)}`
}

/** Connections, transactions, resources, locks, operator intervention, system errors: transient even when raised by a trigger. */
const serverClasses = new Set(['08', '25', '40', '53', '55', '57', '58', 'XX'])

/** Error class, SQLSTATE and locations in our code; never the message, which may hold an address. */
export function describeFault(error: unknown): string {
  if (error instanceof ProjectionFailed) return describeFault(error.cause)
  return describe(error, 3)
}

/**
 * Why something is retried, for the log and readiness. The messages of network libraries are kept; those of JavaScript's own errors
 * are not, because they quote values.
 */
export function causeOf(error: unknown): string {
  if (error instanceof ProjectionFailed) return causeOf(error.cause)
  if (error instanceof SqlError) return `database: ${describeFault(error)}`
  return quotingErrors.some((type) => error instanceof type) ? describeFault(error) : messageOf(error)
}

const quotingErrors = [TypeError, SyntaxError, RangeError, ReferenceError, URIError] as const

/** The fingerprint of an error in consumer code: its class and the topmost location, as {@link describeFault} begins. */
export function fingerprintOf(error: unknown): string {
  if (error instanceof ProjectionFailed) return fingerprintOf(error.cause)
  return describe(error, 1)
}

function describe(error: unknown, places: number): string {
  if (error instanceof SqlError) return [`SQLSTATE ${error.state ?? 'none'}`, ...schemaObjectsOf(error)].join(', ')
  if (!(error instanceof Error)) return typeof error
  return [error.name, ...frames(error.stack ?? '').slice(0, places)].join(' at ')
}

/** Names of the schema, never values. */
function schemaObjectsOf({ constraint, table, raisedBy }: SqlError): string[] {
  return [
    ...(constraint === undefined ? [] : [`constraint ${constraint}`]),
    ...(table === undefined ? [] : [`table ${table}`]),
    ...(raisedBy === undefined ? [] : [`raised by ${raisedBy}`]),
  ]
}

function frames(stack: string): string[] {
  return [...stack.matchAll(/\/((?:src|cmd)\/[\w./-]+:\d+)/g)].map((match) => match[1] ?? '')
}
