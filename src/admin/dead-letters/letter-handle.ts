import type { LetterPlace } from '../../ingest/letter-store.ts'
import { OperatorError } from '../../std/failure.ts'
import { findGroup, type OperatorGroup } from '../operator-group.ts'

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
  return { group: findGroup(groups, group).id, partition: Number(partition), offset: BigInt(offset) }
}
