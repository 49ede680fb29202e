import { availableParallelism } from 'node:os'
import type { Kind } from './variable.ts'

/** Node fires longer timers at once. */
const LONGEST_TIMER_MS = 2_147_483_647

/** A whole number within bounds, both included. */
export function integer(minimum: number, maximum: number): Kind<number> {
  return {
    expects: `a whole number from ${minimum} to ${maximum}`,
    parse: (text) => {
      if (!/^[+-]?\d+$/.test(text)) return { wrong: 'is not a whole number' }
      const value = Number(text)
      if (value < minimum) return { wrong: 'is too small' }
      return value > maximum ? { wrong: 'is too large' } : { value }
    },
  }
}

/** A number of processes; `auto` is one for each core that this process may use. */
export const processCount: Kind<number> = {
  expects: 'a whole number from 1 to 256, or auto for one per available core',
  parse: (text) => (text === 'auto' ? { value: availableParallelism() } : integer(1, 256).parse(text)),
}

/** A rate per second; a rate below 1 is a decimal fraction. */
export const perSecond: Kind<number> = {
  expects: 'a number from 0.001 to 100000, such as 20 or 0.5',
  parse: (text) => {
    if (!/^\d+(\.\d+)?$/.test(text)) return { wrong: 'is not a number' }
    const value = Number(text)
    if (value < 0.001) return { wrong: 'is too small' }
    return value > 100_000 ? { wrong: 'is too large' } : { value }
  },
}

/** A part of a whole. */
export const ratio: Kind<number> = {
  expects: 'a number from 0 to 1, such as 0.1',
  parse: (text) => {
    if (!/^\d*\.?\d+$/.test(text)) return { wrong: 'is not a number' }
    const value = Number(text)
    return value > 1 ? { wrong: 'is too large' } : { value }
  },
}

/** A duration in milliseconds, given without a unit: the variable's name ends in `_MS`. */
export function milliseconds(minimum: number, maximum = LONGEST_TIMER_MS): Kind<number> {
  const whole = integer(minimum, maximum)
  return {
    expects: maximum === LONGEST_TIMER_MS ? `milliseconds, a whole number, at least ${minimum}` : `milliseconds, ${whole.expects}`,
    parse: (text) =>
      /^\d+(\.\d+)?\s*(ms|s|m|min|h)$/i.test(text) ? { wrong: 'has a unit, where only the number belongs' } : whole.parse(text),
  }
}
