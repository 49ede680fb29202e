import { createLetterStore } from '../../infra/postgres/ingest/postgres-letter-store.ts'
import { createLetterReplayer, TURN_MS } from '../../ingest/replay-letters.ts'
import type { Observe } from '../../model/fact.ts'
import type { Clock } from '../../std/clock.ts'
import type { Tasks } from '../periodic-tasks.ts'
import type { Group } from './groups.ts'
import type { Pools } from './pools.ts'

/** How often each group replays dead letters where an operator wants it; milliseconds. */
const REPLAY_MS = 2_000
/** Statements of one replay that may each wait for the database. */
const REPLAY_STATEMENTS = 10

/** Schedules the replays of dead letters: each group of this process replays its own, except while `isHeld`. */
export function scheduleLetters(
  tasks: Pick<Tasks, 'schedule'>,
  of: {
    readonly groups: readonly Pick<Group, 'id' | 'topic' | 'replaying'>[]
    readonly pools: Pick<Pools, 'accept'>
    readonly isHeld: (group: string) => boolean
    /** Whether a replay of dead letters of the group is requested; otherwise no statement is made. */
    readonly isWanted: (group: string) => boolean
    readonly clock: Clock
    readonly observe: Observe
    readonly signal: AbortSignal
  },
): void {
  const { groups, pools, isHeld, isWanted, clock, observe, signal } = of
  const workMs = TURN_MS + REPLAY_STATEMENTS * pools.accept.longestStatementMs
  for (const { id, topic, replaying } of groups) {
    const store = createLetterStore(pools.accept)
    const replayer = createLetterReplayer({ group: id, topic, replaying, isHeld: () => isHeld(id), store, clock, observe })
    tasks.schedule(`dead letters of ${id}`, REPLAY_MS, workMs, async () => {
      if (isWanted(id)) await replayer.turn(signal)
    })
  }
}
