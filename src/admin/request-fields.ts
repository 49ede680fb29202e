import { OperatorError } from '../std/failure.ts'
import { unknownWord } from './unknown-word.ts'

/** The fields of a request by name, each with what is to be given, such as `a group`. */
export type FieldWays = Readonly<Record<string, string>>

/** Reads the fields of one request. Every method throws an {@link OperatorError} that names the field and the way out. */
export interface RequestFields<Name extends string> {
  /** A text that must be there. */
  text(name: Name): string
  /** Undefined: it was left out. */
  optionalText(name: Name): string | undefined
  /** False: it was left out. */
  flag(name: Name): boolean
}

/**
 * The fields of an object of JSON, for requests over HTTP.
 *
 * @throws {OperatorError} for a field that no such request has, with the nearest that one has.
 */
export function requestFields<Ways extends FieldWays>(
  body: Readonly<Record<string, unknown>>,
  ways: Ways,
): RequestFields<keyof Ways & string> {
  const known = Object.keys(ways)
  const unknown = Object.keys(body).find((name) => !Object.hasOwn(ways, name))
  if (unknown !== undefined) throw unknownWord('field', unknown, known)
  const refuse = (name: string, is: string) => new OperatorError(`${name} ${is}: give ${ways[name]}.`)
  const optionalText = (name: string): string | undefined => {
    // JSON.parse makes own properties alone, so that no inherited one is taken for a field.
    const value = Object.hasOwn(body, name) ? body[name] : undefined
    if (value === undefined || typeof value === 'string') return value
    throw refuse(name, 'is not a text')
  }
  return {
    optionalText,
    text(name) {
      const value = optionalText(name)
      if (value === undefined || value.trim() === '') throw refuse(name, 'is missing')
      return value
    },
    flag(name) {
      const value = body[name] ?? false
      if (typeof value === 'boolean') return value
      throw refuse(name, 'is neither true nor false')
    },
  }
}
