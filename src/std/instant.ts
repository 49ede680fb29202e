/** The first and the last instant of a Date. */
export const EARLIEST_MS = -8.64e15
export const LATEST_MS = 8.64e15

/**
 * A time of the database as a Date that can be compared and printed: `infinity` and years beyond those of a Date are its last
 * instant, `-infinity` and years before them its first. What "never" means is decided by whoever compares; nobody has to expect a
 * number or an invalid Date. `parse` is how a time within a Date's years is read.
 */
export function instantOf(text: string, parse: (text: string) => unknown = (iso) => new Date(iso)): Date {
  const inYears = text.endsWith('infinity') ? null : parse(text)
  if (inYears instanceof Date && !Number.isNaN(inYears.getTime())) return inYears
  return new Date(text.startsWith('-') || text.endsWith('BC') ? EARLIEST_MS : LATEST_MS)
}
