import type { LetterFailure } from '../../ingest/letter-store.ts'
import type { DeadLetterReason } from '../../model/dead-letter-reason.ts'
import { OperatorError } from '../../std/failure.ts'

/** Why an operator's copy is not stored: its replay would fail, by what is in the way. */
export function editRefusal({ reason, detail }: Pick<LetterFailure, 'reason' | 'detail'>): OperatorError {
  return new OperatorError(`The copy was not stored: it would fail as ${reason} (${detail}). ${waysOut[reason] ?? 'Correct the copy.'}`)
}

const waysOut: Partial<Record<DeadLetterReason, string>> = {
  'id-conflict': 'Give it an id of its own.',
  'consumer-error': "The group's own code fails on it: correct the copy, or deploy a fix and replay the letter.",
  'database-rejected': 'Correct the values that the database refuses, or deploy a fix and replay the letter.',
}
