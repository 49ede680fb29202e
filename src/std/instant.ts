/** The first and the last instant of a Date. */
export const EARLIEST_MS = -8.64e15
export const LATEST_MS = 8.64e15

/**
 * A database timestamp as a Date that can be compared and printed, never a number and never invalid: `infinity` and later years are
 * clamped to the last instant of a Date, `-infinity` and earlier years to the first. `parse` reads timestamps within range.
 */
export function instantOf(text: string, parse: (text: string) => unknown = (iso) => new Date(iso)): Date {
  const inYears = text.endsWith('infinity') ? null : parse(text)
  if (inYears instanceof Date && !Number.isNaN(inYears.getTime())) return inYears
  return new Date(text.startsWith('-') || text.endsWith('BC') ? EARLIEST_MS : LATEST_MS)
}
