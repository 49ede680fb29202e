import { setTimeout as pause } from 'node:timers/promises'
import type { Fixture } from '../support/fixture.ts'

/**
 * The longest that a partition stood still while records waited for it, by group, in milliseconds. A gap begins when the
 * partition's row last moved, or when a record was first seen waiting if that was later, and ends when the row moves again (its
 * `updated_at`). Several moves between two looks count as the last of them, so that a gap is rather reported too long than too short.
 */
export interface ProgressWatch {
  stop(): Promise<ReadonlyMap<string, { readonly gapMs: number; readonly partition: number }>>
}

const LOOK_MS = 100

interface Standing {
  next: bigint
  /** Since when records have waited; null while none do. */
  waitingSince: number | null
}

export function watchProgress(fixture: Fixture): ProgressWatch {
  const standing = new Map<string, Standing>()
  const worst = new Map<string, { gapMs: number; partition: number }>()
  const stopping = new AbortController()

  function stood(group: string, partition: number, gapMs: number): void {
    if (gapMs > (worst.get(group)?.gapMs ?? -1)) worst.set(group, { gapMs, partition })
  }

  async function look(): Promise<void> {
    // The ends first: what they say is there was there when the rows were read.
    const ranges = await fixture.admin.ranges(fixture.topic)
    const rows = await fixture.sql.query<{ group_name: string; partition: number; next_offset: string; moved: Date; now: Date }>(
      'SELECT group_name, partition, next_offset, updated_at AS moved, clock_timestamp() AS now FROM worker.progress WHERE topic = $1',
      [fixture.topic],
    )
    for (const { group_name: group, partition, next_offset, moved, now } of rows) {
      const next = BigInt(next_offset)
      const isWaiting = next < (ranges.get(partition)?.high ?? 0n)
      const key = `${group}/${partition}`
      const before = standing.get(key) ?? { next, waitingSince: null }
      if (next > before.next) {
        if (before.waitingSince !== null) stood(group, partition, moved.getTime() - before.waitingSince)
        standing.set(key, { next, waitingSince: isWaiting ? moved.getTime() : null })
      } else {
        if (before.waitingSince !== null) stood(group, partition, now.getTime() - before.waitingSince)
        standing.set(key, { next, waitingSince: isWaiting ? (before.waitingSince ?? now.getTime()) : null })
      }
    }
  }

  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await look()
      await pause(LOOK_MS)
    }
  })()
  // The failure is reported when the watch is stopped.
  watching.catch(() => undefined)
  return {
    async stop() {
      stopping.abort()
      await watching
      return worst
    },
  }
}
