import { OperatorError } from '../std/failure.ts'
import { nearest } from '../std/nearest.ts'

/** The refusal of a word that does not exist, with the nearest that does; `way` says what to give instead. An address is not repeated. */
export function unknownWord(
  what: string,
  word: string,
  candidates: readonly string[],
  way = `give one of ${candidates.join(', ')}`,
): OperatorError {
  if (word.includes('@')) return new OperatorError(`The ${what} given does not exist: ${way}.`)
  const near = nearest(word, candidates)
  return new OperatorError(`There is no ${what} "${word}"${near === null ? '' : ` (did you mean ${near}?)`}: ${way}.`)
}

/** The word as one of those that exist. @throws {OperatorError} it is none of them: with the nearest that is, and all that are */
export function knownWord<Known extends string>(what: string, word: string, known: readonly Known[]): Known {
  const found = known.find((one) => one === word)
  if (found === undefined) throw unknownWord(what, word, known)
  return found
}
