import type { Config } from '../../../config/load.ts'
import { rangeReader } from '../../infra/kafka/consumer/read-range.ts'
import { createReplayJobs } from '../../infra/postgres/ingest/postgres-replay-jobs.ts'
import { createReplayStore } from '../../infra/postgres/ingest/postgres-replay-store.ts'
import { createReplayRunner, type ReplayRunner } from '../../ingest/replay-runner.ts'
import { mailChannels } from './channels.ts'
import type { Tasks } from '../periodic-tasks.ts'
import type { Group, Shared } from './groups.ts'
import type { Pools } from './pools.ts'

/** How often a running replay is turned, and how often an idle process claims one that was ordered; milliseconds. */
const TURN_MS = 1_000
const LOOK_MS = 2_000
/** A reader that leaves its group, and the batch that it still holds; milliseconds. */
const LEAVE_MS = 60_000

/** The replays of this process: of the groups that it runs, one at a time. */
export function composeReplays(
  shared: Pick<Shared, 'kafka' | 'admin' | 'clock' | 'observe' | 'owner'> & { readonly config: Config },
  groups: readonly Pick<Group, 'id' | 'consumer' | 'reader'>[],
  pools: Pick<Pools, 'accept' | 'delivery'>,
  isPaused: (group: string) => boolean,
  /** Whether any may be claimed; otherwise no statement is made. */
  isWanted: () => boolean,
): ReplayRunner & { schedule(tasks: Tasks): void } {
  const { kafka, admin, clock, observe, owner } = shared
  const runner = createReplayRunner({
    groups: new Map(groups.map(({ id, consumer, reader }) => [id, { consumer, reader }])),
    isPaused,
    jobs: createReplayJobs(pools.delivery),
    storeOf: (job) => createReplayStore(pools.accept, job, mailChannels),
    read: rangeReader({ ...kafka, clientId: `${kafka.clientId}-replay` }),
    admin,
    owner,
    clock,
    observe,
  })
  return {
    ...runner,
    schedule(tasks) {
      const workMs = LEAVE_MS + 4 * pools.delivery.longestStatementMs
      tasks.schedule(
        'replays',
        LOOK_MS,
        workMs,
        async () => {
          if (runner.isBusy() || isWanted()) await runner.turn()
        },
        () => (runner.isBusy() ? TURN_MS : LOOK_MS),
      )
    },
  }
}
