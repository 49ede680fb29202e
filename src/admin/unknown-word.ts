import { OperatorError } from '../std/failure.ts'
import { nearest } from '../std/nearest.ts'

/** The refusal of a word that does not exist, with the nearest that does; `way` says what to give instead. */
export function unknownWord(
  what: string,
  word: string,
  candidates: readonly string[],
  way = `give one of ${candidates.join(', ')}`,
): OperatorError {
  const near = nearest(word, candidates)
  return new OperatorError(`There is no ${what} "${word}"${near === null ? '' : ` (did you mean ${near}?)`}: ${way}.`)
}
