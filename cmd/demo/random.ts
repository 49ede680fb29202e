/** Chance that repeats itself: the same seed gives the same scenario on every machine. */
export interface Random {
  /** In [0, 1). */
  next(): number
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number
  /** An element of a list that is not empty. */
  pick<Element>(list: readonly Element[]): Element
  /** A version 4 uuid in lower case. */
  uuid(): string
}

/** Mulberry32: a generator of 32 bits of state; good enough to look arbitrary, and nothing here has to be unguessable. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const bits = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const next = () => bits() / 2 ** 32
  const below = (limit: number) => Math.floor(next() * limit)
  const hex = () => bits().toString(16).padStart(8, '0')
  return {
    next,
    below,
    pick: (list) => {
      const picked = list[below(list.length)]
      if (picked === undefined) throw new Error('There is nothing to pick from.')
      return picked
    },
    uuid: () => {
      const digits = hex() + hex() + hex() + hex()
      const variant = ((Number.parseInt(digits.charAt(16), 16) & 0x3) | 0x8).toString(16)
      return [digits.slice(0, 8), digits.slice(8, 12), `4${digits.slice(13, 16)}`, variant + digits.slice(17, 20), digits.slice(20)].join(
        '-',
      )
    },
  }
}
