import type { DeadLetterRecord, LetterState } from '../../src/admin/dead-letters/dead-letter-admin.ts'
import { requireLetterSelection, type TypedLetterFilter } from '../../src/admin/dead-letters/letter-filter.ts'
import { letterHandle } from '../../src/admin/dead-letters/letter-handle.ts'
import { letters as inWords } from '../../src/admin/dead-letters/replay-preview.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { filterOf, type Letters } from './dlq-context.ts'

/**
 * The letters that a verb is to change: all that match, or those that are named.
 *
 * @param able the states that it can change
 * @throws {OperatorError} nothing is selected, more match than the limit, or a letter that is named is not there or in another state
 */
export async function selectLetters(
  letters: Letters,
  named: readonly string[],
  options: TypedLetterFilter & { readonly limit: number },
  able: readonly LetterState[],
): Promise<readonly DeadLetterRecord[]> {
  const filter = await filterOf(letters, options, named)
  requireLetterSelection(filter)
  const found = await letters.admin.records(filter, options.limit + 1)
  if (found.length > options.limit) {
    throw new OperatorError(
      `More than ${inWords(options.limit)} match: narrow the filter, or raise --limit if all of them are meant. Nothing was changed.`,
    )
  }
  const wrong = found.find(({ state }) => !able.includes(state))
  if (wrong !== undefined)
    throw new OperatorError(
      `${letterHandle(wrong)} is ${wrong.state}: only ${able.join(' or ')} ones can be changed so. Nothing was changed.`,
    )
  const missing = filter.letters.find((one) => !found.some((record) => letterHandle(record) === letterHandle(one)))
  if (missing !== undefined) throw new OperatorError(`No dead letter that matches is named ${letterHandle(missing)}. Nothing was changed.`)
  return found.toSorted((a, b) => (letterHandle(a) < letterHandle(b) ? -1 : 1))
}

/** Whether the given count is that of the plan. @throws {OperatorError} another count was given: what matches has changed since it was shown */
export function isConfirmed(confirm: number | undefined, count: number): boolean {
  if (confirm === undefined || confirm === count) return confirm === count
  throw new OperatorError(`--confirm is ${confirm}, but the plan has ${inWords(count)}: look at it again. Nothing was changed.`)
}
