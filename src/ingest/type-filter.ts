import { eventTypes } from '../events/catalogue/catalogue.ts'
import { typeInHeaders } from '../events/header.ts'
import type { TypePattern } from '../model/consumer.ts'
import type { LogRecord } from './record-source.ts'

/** The event types that a group handles. */
export interface TypeFilter {
  handles(type: string): boolean
  /** The type named in the headers if the group does not handle it, so that the record is not parsed; null: the record must be parsed. */
  skips(record: LogRecord): string | null
}

/** An exact type, a family such as `user.*`, or `*`: anything else with an asterisk is a slip. */
export function isTypePattern(pattern: string): boolean {
  return pattern === '*' || /^[^*]+(?:\.\*)?$/.test(pattern)
}

/** The rest of the sentence about any other. */
export const PATTERN_FAULT = 'has an asterisk that is neither all of it nor its last part. Write a type, a family such as user.*, or *'

/** The types among `known` that match: exact ones, families such as `user.*`, and `*`. */
export function createTypeFilter(patterns: readonly TypePattern[], known: readonly string[] = eventTypes): TypeFilter {
  const families = patterns.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1))
  const handled = new Set(
    known.filter((type) => patterns.some((pattern) => pattern === type) || families.some((family) => type.startsWith(family))),
  )
  const handles = (type: string) => handled.has(type)
  const catalogued = new Set(known)
  /** In a family, but not in the catalogue: it may be a type of ours, misspelt in the header, which the body then shows. */
  const isDoubtful = (type: string) => !catalogued.has(type) && families.some((family) => type.startsWith(family))

  return {
    handles,
    skips(record) {
      const named = typeInHeaders(record)
      return named !== null && !handles(named) && !isDoubtful(named) ? named : null
    },
  }
}
