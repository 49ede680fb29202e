import { typeInHeaders } from '../events/header.ts'
import type { TypePattern } from '../model/consumer.ts'
import type { LogRecord } from './record-source.ts'

/** The event types that a group handles. */
export interface TypeFilter {
  handles(type: string): boolean
  /** The type named in the headers if the group does not handle it, so that the record is not parsed; null: the record must be parsed. */
  skips(record: LogRecord): string | null
}

/** Matches exact types, and families such as `user.*`. */
export function createTypeFilter(patterns: readonly TypePattern[]): TypeFilter {
  const exact = new Set<string>(patterns.filter((pattern) => !pattern.endsWith('.*')))
  const families = patterns.filter((pattern) => pattern.endsWith('.*')).map((pattern) => pattern.slice(0, -1))
  const cached = new Map<string, boolean>()

  function handles(type: string): boolean {
    const before = cached.get(type)
    if (before !== undefined) return before
    const answer = exact.has(type) || families.some((family) => type.startsWith(family))
    // The cache is bounded in number and length, in case a producer sends arbitrary types.
    if (cached.size < 1_000 && type.length <= 100) cached.set(type, answer)
    return answer
  }

  return {
    handles,
    skips(record) {
      const named = typeInHeaders(record)
      return named !== null && !handles(named) ? named : null
    },
  }
}
