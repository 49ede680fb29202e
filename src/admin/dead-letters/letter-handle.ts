import type { LetterPlace } from '../../ingest/letter-store.ts'
import { OperatorError } from '../../std/failure.ts'
import { nearest } from '../../std/nearest.ts'
import type { OperatorGroup } from '../operator-group.ts'

/** How operators name a letter: its group, partition and offset. */
export function letterHandle(letter: { readonly group: string; readonly partition: number; readonly offset: string | bigint }): string {
  return `${letter.group}/${letter.partition}/${letter.offset}`
}

/**
 * The letter that is named, by its group with the prefix or without.
 *
 * @throws {OperatorError} it is no name of a letter, or there is no such group
 */
export function parseLetter(text: string, groups: readonly OperatorGroup[]): Pick<LetterPlace, 'group' | 'partition' | 'offset'> {
  const [, group, partition, offset] = /^(.+)\/(\d{1,9})\/(\d{1,18})$/.exec(text.trim()) ?? []
  if (group === undefined || partition === undefined || offset === undefined)
    throw new OperatorError(`"${text}" names no dead letter: give GROUP/PARTITION/OFFSET, as "dlq list" shows them.`)
  return { group: groupNamed(group, groups), partition: Number(partition), offset: BigInt(offset) }
}

/**
 * The id of the group that is named, with its prefix or without.
 *
 * @throws {OperatorError} there is none of that name
 */
export function groupNamed(wanted: string, groups: readonly OperatorGroup[]): string {
  const found = groups.find(({ id, name }) => id === wanted || name === wanted)
  if (found !== undefined) return found.id
  const names = groups.flatMap(({ id, name }) => [name, id])
  throw new OperatorError(`There is no group "${wanted}"${meant(wanted, names)}: give one of ${groups.map(({ id }) => id).join(', ')}.`)
}

/** Such as ` (did you mean "not-json"?)`, or nothing. */
export function meant(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates)
  return near === null ? '' : ` (did you mean "${near}"?)`
}
