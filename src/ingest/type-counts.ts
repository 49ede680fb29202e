import type { Accepted } from './accept-chunk.ts'
import type { TypeCounts } from '../model/fact.ts'
import type { ReadChunk } from './read-chunks.ts'

/** How the events of a chunk ended, by type. A chunk of skips has no result. */
export function countsOf(chunk: ReadChunk, end: Accepted | null): ReadonlyMap<string, TypeCounts> {
  const counts = new Map<string, TypeCounts>()
  const of = (type: string) => {
    const known = counts.get(type) ?? { ok: 0, noEffect: 0, duplicate: 0, skipped: 0, dead: 0 }
    counts.set(type, known)
    return known
  }
  for (const [type, skipped] of chunk.skipped) of(type).skipped += skipped
  for (const faulty of chunk.faulty) of(faulty.type ?? 'undecodable').dead += 1
  for (const { accepted } of chunk.events) {
    switch (end?.endings.get(accepted.offset)) {
      case 'accepted':
        of(accepted.type).ok += 1
        break
      case 'no-effect':
        of(accepted.type).noEffect += 1
        break
      case 'dead-letter':
        of(accepted.type).dead += 1
        break
      case 'duplicate':
      case 'repeated':
      case undefined:
        of(accepted.type).duplicate += 1
    }
  }
  return counts
}
