import { hash } from 'node:crypto'
import type { DeadLetterReason } from './dead-letter-reason.ts'

/** What dead letters that failed alike have in common. */
export interface FailedAlike {
  readonly reason: string
  /** Null when the record did not say it in a readable way. */
  readonly type: string | null
  /** Class and topmost location of the error in consumer code, or the SQLSTATE with the names of the schema; null for any other reason. */
  readonly error: string | null
}

/**
 * What is kept as `error` of a dead letter, from the detail of its reason (`describeFault`): the error's class and its topmost location, or the
 * whole of what names a database error.
 */
export function letterError(reason: DeadLetterReason, detail: string): string | null {
  if (reason === 'database-rejected') return detail
  return reason === 'consumer-error' ? detail.split(' at ').slice(0, 2).join(' at ') : null
}

/**
 * Twelve hexadecimal digits for all dead letters that failed alike, whatever the group. Letters of versions that kept no error differ by
 * reason and type only.
 */
export function letterFingerprint({ reason, type, error }: FailedAlike): string {
  return hash('sha256', [reason, type ?? '', error ?? ''].join('\n'), 'hex').slice(0, 12)
}
