import { InvalidArgumentError } from 'commander'

const LEAST = 100
const MOST = 10_000_000
const factors: Readonly<Record<string, number>> = { '': 1, k: 1_000, m: 1_000_000 }

/**
 * Numbers of participants from a list as `500,10k,1m`, ascending, each once.
 *
 * @throws {InvalidArgumentError} one sentence that names what is no size
 */
export function sizesOf(list: string): readonly number[] {
  const sizes = list.split(',').map((text) => sizeOf(text.trim()))
  return [...new Set(sizes)].toSorted((one, other) => one - other)
}

function sizeOf(text: string): number {
  const [, digits = '', suffix = ''] = /^(\d{1,9})([km]?)$/i.exec(text) ?? []
  const size = Number(digits) * (factors[suffix.toLowerCase()] ?? 1)
  if (size >= LEAST && size <= MOST) return size
  throw new InvalidArgumentError(
    `"${text}" is no size: give whole numbers from ${LEAST} to ${MOST / 1_000_000}m, as 500, 10k or 1m, with commas between.`,
  )
}
