import type { TimelineEntry } from './timeline-entries.ts'

/** Lines that positions may take at the most where other lines would fill the table: one in this many. */
const POSITIONS_PER_LINES = 5

/**
 * The newest lines in their order, at most `limit`. On a busy board a person has more movements than anything else: they fill the lines that
 * the others leave, and at least a fifth.
 */
export function newestEntries(entries: readonly TimelineEntry[], limit: number): readonly TimelineEntry[] {
  if (entries.length <= limit) return entries
  const others = entries.filter((entry) => !isPosition(entry))
  const positions = Math.max(limit - others.length, Math.floor(limit / POSITIONS_PER_LINES))
  const movements = entries.filter(isPosition).slice(-positions)
  const shown = new Set([...(positions === 0 ? [] : movements), ...others.slice(movements.length - limit)])
  return entries.filter((entry) => shown.has(entry))
}

function isPosition({ what }: TimelineEntry): boolean {
  return what === 'position'
}
