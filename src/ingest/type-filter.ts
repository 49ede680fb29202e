import { typeInHeaders } from '../events/header.ts'
import type { TypePattern } from '../model/consumer.ts'
import type { LogRecord } from './record-source.ts'

/** Which event types a group handles. */
export interface TypeFilter {
  handles(type: string): boolean
  /** The type named by the headers, when the group does not handle it: such a record costs no parse. Null: parse. */
  skips(record: LogRecord): string | null
}

/** Exact types, and families as `user.*`. */
export function createTypeFilter(patterns: readonly TypePattern[]): TypeFilter {
  const exact = new Set<string>(patterns.filter((pattern) => !pattern.endsWith('.*')))
  const families = patterns.filter((pattern) => pattern.endsWith('.*')).map((pattern) => pattern.slice(0, -1))
  const known = new Map<string, boolean>()

  function handles(type: string): boolean {
    const before = known.get(type)
    if (before !== undefined) return before
    const answer = exact.has(type) || families.some((family) => type.startsWith(family))
    // Bounded in number and length: the types on a topic are few and short, unless somebody sends nonsense.
    if (known.size < 1_000 && type.length <= 100) known.set(type, answer)
    return answer
  }

  return {
    handles,
    skips(record) {
      const named = typeInHeaders(record.headers)
      return named !== null && !handles(named) ? named : null
    },
  }
}
