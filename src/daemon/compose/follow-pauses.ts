import { databaseSentence } from '../../admin/database-sentence.ts'
import { readOrders, readPauses } from '../../infra/postgres/admin/operator-orders.ts'
import type { IntentStore } from '../../delivery/intent-store.ts'
import type { Observe } from '../../model/fact.ts'
import type { Clock } from '../../std/clock.ts'
import { asSentence, messageOf } from '../../std/failure.ts'
import { SqlError, type Sql } from '../../std/sql.ts'
import { createPauseWatch, type PauseWatch } from '../pause-watch.ts'
import { applyPauses } from './apply-pauses.ts'
import type { Group } from './groups.ts'

/** Intents that were set aside are made due in batches for so long at most; the next reading continues. Milliseconds. */
const WAKE_MS = 1_000

/** The pauses in the database, as the groups of this process follow them, and the orders beside them. */
export function composePauses(of: {
  readonly groups: readonly Group[]
  readonly sql: Sql
  readonly store: Pick<IntentStore, 'wakePaused'>
  readonly clock: Clock
  readonly observe: Observe
  readonly onWaiting: (sentence: string) => void
}): PauseWatch {
  const { store, clock } = of
  return createPauseWatch({
    readPauses: () => readPauses(of.sql),
    readOrders: () =>
      readOrders(
        of.sql,
        of.groups.map(({ id }) => id),
      ),
    apply: applyPauses(of.groups, of.observe),
    async wake() {
      const until = clock.monotonic() + WAKE_MS
      while (!(await store.wakePaused()).all && clock.monotonic() < until);
    },
    onWaiting(error) {
      const known = error instanceof SqlError ? databaseSentence(error) : null
      of.onWaiting(`The start waits for the pauses of operators to be read: ${asSentence(known?.message ?? messageOf(error))}`)
    },
    clock,
  })
}
