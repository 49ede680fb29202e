import type { Observe } from '../model/fact.ts'

/** Pauses fetching of a group for any number of reasons at once; the start and end of each reason is reported. */
export interface FetchGate {
  /** @param detail the action needed, for a reason that does not end by itself */
  pause(reason: string, detail?: string): void
  resume(reason: string): void
}

export function createFetchGate(group: string, source: { pause(): void; resume(): void }, observe: Observe): FetchGate {
  const reasons = new Set<string>()
  return {
    pause(reason, detail) {
      if (reasons.has(reason)) return
      reasons.add(reason)
      if (reasons.size === 1) source.pause()
      observe({ is: 'paused', group, reason, detail: detail ?? null })
    },
    resume(reason) {
      if (!reasons.delete(reason)) return
      if (reasons.size === 0) source.resume()
      observe({ is: 'unpaused', group, reason })
    },
  }
}
