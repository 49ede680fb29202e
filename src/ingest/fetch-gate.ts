import type { Observe } from '../model/fact.ts'

/** Holds the fetching of a group for any number of reasons at once, each told when it begins and when it ends. */
export interface Brake {
  /** @param detail for a reason that somebody must do something about: what */
  hold(reason: string, detail?: string): void
  release(reason: string): void
}

export function createBrake(group: string, source: { pause(): void; resume(): void }, observe: Observe): Brake {
  const reasons = new Set<string>()
  return {
    hold(reason, detail) {
      if (reasons.has(reason)) return
      reasons.add(reason)
      if (reasons.size === 1) source.pause()
      observe({ is: 'paused', group, reason, detail: detail ?? null })
    },
    release(reason) {
      if (!reasons.delete(reason)) return
      if (reasons.size === 0) source.resume()
      observe({ is: 'unpaused', group, reason })
    },
  }
}
