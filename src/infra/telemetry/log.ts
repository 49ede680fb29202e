import { pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'
import { errorFields } from './error-fields.ts'
import { openLogDestination } from './log-destination.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
export type Log = Logger

/**
 * One JSON object per line on standard output: `level` as a word, `time` in ISO 8601, `msg`, and the fields of the line.
 * An error goes in as `err` and is reduced to what may be shown (see {@link errorFields}).
 */
export function createLog(options: { readonly level: LogLevel; readonly destination?: DestinationStream }): Log {
  return pino(
    {
      level: options.level,
      base: { pid: process.pid },
      // pino's default uses `Date.now()`, which is monotonic here and does not follow the wall clock (std/clock.ts).
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields, error: errorFields },
    },
    options.destination ?? openLogDestination(),
  )
}
