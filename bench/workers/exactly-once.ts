import type { Arrivals } from '../sinks/arrivals.ts'

/**
 * What is wrong with what a sink took when each of the numbers from 0 to `expected` should have come once and nothing else: a sentence, or null.
 */
export function notExactlyOnce(what: 'mails' | 'webhooks', { numbers }: Pick<Arrivals, 'numbers'>, expected: number): string | null {
  const copies = new Map<number, number>()
  for (const number of numbers) copies.set(number, (copies.get(number) ?? 0) + 1)
  let unexpected = 0
  let doubled = 0
  for (const [number, count] of copies) {
    if (number < 0 || number >= expected) unexpected += count
    else if (count > 1) doubled += 1
  }
  const wanted = [...copies.keys()].filter((number) => number >= 0 && number < expected).length
  const missing = expected - wanted
  if (missing + doubled + unexpected === 0) return null
  return `Of ${expected} ${what} ${missing} are missing, ${doubled} came more than once, and ${unexpected} others came.`
}
