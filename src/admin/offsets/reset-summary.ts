import type { PartitionMove, ResetPlan } from './reset-plan.ts'
import { commitChanges, progressChanges } from './reset-plan.ts'

/** The plan's totals over all partitions. */
export function resetTotals({ moves }: ResetPlan): { again: bigint; forgotten: bigint; unread: bigint; lost: bigint } {
  const sum = (count: (move: PartitionMove) => bigint) => moves.reduce((total, move) => total + count(move), 0n)
  return { again: sum((m) => m.again), forgotten: sum((m) => m.forgotten), unread: sum((m) => m.unread), lost: sum((m) => m.lost) }
}

/** Whether nothing is left to do: rows and committed offsets are where they should be. */
export function isDone(plan: ResetPlan): boolean {
  return progressChanges(plan).length === 0 && commitChanges(plan).size === 0
}

/** Describes the loss that the operator accepts with `--accept-loss`; null when nothing is lost. */
export function lossOf(plan: ResetPlan): string | null {
  const { unread, lost } = resetTotals(plan)
  const parts: string[] = []
  // A group that has never run loses nothing by the choice of where it begins.
  if (unread > 0n && plan.start !== 'first') {
    parts.push(`${records(unread)} that it has not read (${perPartition(plan, ({ unread }) => unread)})`)
  }
  if (lost > 0n) parts.push(`${records(lost)} that the log no longer holds (${perPartition(plan, ({ lost }) => lost)})`)
  const recreated = plan.moves.filter((move) => move.recreated).map(({ partition }) => partition)
  if (recreated.length > 0) {
    parts.push(`all unread records of the previous log (partition ${recreated.join(', ')}; their number is unknown)`)
  }
  const cut = plan.moves.filter(({ cutAt }) => cutAt !== null)
  if (cut.length > 0) {
    const places = cut.map(({ partition, cutAt }) => `partition ${partition} at ${cutAt}`).join(', ')
    parts.push(`all unread records that were cut off (${places}; their number is unknown)`)
  }
  return parts.length === 0 ? null : `group ${plan.group} skips ${parts.join(', and ')}`
}

/** What the plan means, a sentence each. */
export function resetSentences(plan: ResetPlan, dedupeDays: number): readonly string[] {
  const { again, forgotten, unread } = resetTotals(plan)
  const sentences: string[] = []
  if (plan.start === 'first') {
    sentences.push(`First start of the group: ${records(unread)} before these offsets will never be read.`)
  }
  if (plan.start === 'no-rows') {
    sentences.push(
      'Kafka has committed offsets, but this database has no progress of the group: if it was emptied, it does not know what was ' +
        'sent, and what is read again may be sent again. Is DATABASE_URL the right one?',
    )
  }
  if (again > 0n) {
    const keyed = plan.start === 'known' ? ' Effects are keyed, so nothing that was sent is sent twice.' : ''
    sentences.push(`Going back: ${records(again)} will be read again.${keyed}`)
  }
  if (forgotten > 0n) {
    sentences.push(
      `${records(forgotten)} of them are older than DEDUPE_DAYS=${dedupeDays}: their outcomes may be deleted already, so they become ` +
        'dead letters as older-than-dedupe-window.',
    )
  }
  const loss = lossOf(plan)
  if (loss !== null) sentences.push(`Loss: ${loss}.`)
  return sentences
}

function records(count: bigint): string {
  return count === 1n ? '1 record' : `${count} records`
}

function perPartition({ moves }: ResetPlan, count: (move: PartitionMove) => bigint): string {
  return moves
    .filter((move) => count(move) > 0n)
    .map((move) => `${count(move)} in partition ${move.partition}`)
    .join(', ')
}
