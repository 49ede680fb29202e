import { pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'
import { OperatorError } from '../../std/failure.ts'
import { SqlError } from '../../std/sql.ts'
import { openLogDestination } from './log-destination.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
export type Log = Logger

/**
 * One JSON object per line on standard output: `level` as a word, `time` in ISO 8601, `msg`, and the fields of the line.
 * An error goes in as `err` and is reduced to what may be shown (see {@link errorFields}).
 *
 * @param options.process the name of this process where several write one log
 */
export function createLog(options: {
  readonly level: LogLevel
  readonly destination?: DestinationStream
  readonly process?: string | undefined
}): Log {
  return pino(
    {
      level: options.level,
      base: { pid: process.pid, ...(options.process === undefined ? {} : { process: options.process }) },
      // pino's default uses `Date.now()`, which is monotonic here and does not follow the wall clock (std/clock.ts).
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields, error: errorFields },
    },
    options.destination ?? openLogDestination(),
  )
}

/** The loggable fields of anything thrown. */
interface ErrorFields {
  readonly type: string
  /** Of our own error classes only: other messages may hold an address, a secret or part of an event. */
  readonly message?: string
  /** Node's or the library's code, such as ECONNREFUSED. */
  readonly code?: string
  readonly sqlState?: string
  readonly constraint?: string
  /** Stack frames, outermost last: file and line only. */
  readonly at?: readonly string[]
}

const FRAMES = 5

/** An allow-list: anything else that libraries attach to errors is dropped, causes included. */
function errorFields(thrown: unknown): ErrorFields {
  if (!(thrown instanceof Error)) return { type: typeof thrown }
  const code = 'code' in thrown && typeof thrown.code === 'string' && /^[A-Z0-9_]{2,40}$/.test(thrown.code) ? thrown.code : undefined
  const at = frames(thrown)
  return {
    type: thrown.name,
    ...(thrown instanceof OperatorError || thrown instanceof SqlError ? { message: thrown.message } : {}),
    ...(code === undefined ? {} : { code }),
    ...(thrown instanceof SqlError && thrown.state !== undefined ? { sqlState: thrown.state } : {}),
    ...(thrown instanceof SqlError && thrown.constraint !== undefined ? { constraint: thrown.constraint } : {}),
    ...(at.length === 0 || thrown instanceof OperatorError ? {} : { at }),
  }
}

function frames(error: Error): readonly string[] {
  const lines = error.stack?.split('\n') ?? []
  return lines.flatMap((line) => /^ {4}at .*?\/((?:src|config|cmd|node_modules)\/[^\s():]+:\d+)/.exec(line)?.[1] ?? []).slice(0, FRAMES)
}
