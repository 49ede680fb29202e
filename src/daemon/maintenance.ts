import type { Config } from '../../config/load.ts'
import type { Group } from './compose/groups.ts'
import { abandonParked, type BreakerRecord } from '../delivery/breaker-history.ts'
import type { IntentStore } from '../delivery/intent-store.ts'
import type { createLeaderboard } from '../leaderboard/postgres-leaderboard.ts'
import { upkeep } from '../infra/postgres/admin/retention.ts'
import type { Pools } from './compose/pools.ts'
import { jitter } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import type { Tasks } from './periodic-tasks.ts'
import type { Observe } from '../model/fact.ts'

/** What the chores work on. */
export interface ChoreSettings {
  readonly config: Config
  readonly pools: Pools
  readonly groups: readonly Pick<Group, 'id' | 'recalculates' | 'kinds'>[]
  readonly breakerRecord: BreakerRecord
  readonly intentStore: IntentStore
  readonly leaderboard: ReturnType<typeof createLeaderboard>
  readonly clock: Clock
  readonly observe: Observe
  readonly signal: AbortSignal
}

/** How often it is written down which breakers are open, and what was parked too long is given up. Milliseconds. */
const BREAKERS_MS = 2_000
const ABANDON_MS = 10_000
/** The longest turn of waking what waited for a campaign. Milliseconds. */
const WAKE_MS = 10_000

/** What is done beside the path in every process: claims of dead processes, old rows, leaderboards that changed without an event. */
export function keepChores(tasks: Tasks, settings: ChoreSettings): void {
  const { config, groups } = settings
  const { leaseCheckMs, upkeepIntervalMs, campaignPausedRecheckMs } = config.delivery
  const statementMs = settings.pools.delivery.longestStatementMs
  tasks.keep('lease check', leaseCheckMs, statementMs, () => expireLeases(settings))
  // A turn is half as long as the interval, and ends with the batch under way.
  const turnMs = upkeepIntervalMs / 2
  tasks.keep(
    'upkeep',
    upkeepIntervalMs,
    turnMs + 2 * statementMs,
    () => keepUp(settings, turnMs),
    () => jitter(upkeepIntervalMs),
  )
  tasks.keep('paused campaigns', campaignPausedRecheckMs, WAKE_MS + statementMs, () => wake(settings))
  tasks.keep('open breakers', BREAKERS_MS, statementMs, () => settings.breakerRecord.write())
  for (const { id, recalculates, kinds } of groups) {
    if (kinds.channels.includes('webhook')) {
      tasks.keep(`rewards of ${id} whose endpoint is away`, ABANDON_MS, ABANDON_MS + statementMs, () => abandon(settings, id, kinds))
    }
    if (recalculates) tasks.keep('leaderboard sweep', config.leaderboard.sweepMs, statementMs, () => sweep(settings, id))
  }
}

async function expireLeases({ config, intentStore, observe }: ChoreSettings): Promise<void> {
  const { ambiguous, ambiguousRetryMs } = config.mail
  const expired = await intentStore.expireLeases({ hold: ambiguous === 'hold', ambiguousRetryMs })
  if (expired.reclaimed + expired.ambiguous > 0) observe({ is: 'leases-expired', ...expired })
}

async function keepUp({ config, pools, clock, observe, signal }: ChoreSettings, turnMs: number): Promise<void> {
  try {
    const { dedupeDays } = config.accept
    const report = await upkeep(pools.delivery, { dedupeDays, historyDays: config.leaderboard.historyDays, clock, turnMs }, signal)
    if (report !== null && report.deleted.size > 0) observe({ is: 'upkeep', ...report })
  } catch (error) {
    observe({ is: 'upkeep-failed', cause: messageOf(error) })
  }
}

async function sweep({ leaderboard, observe }: ChoreSettings, group: string): Promise<void> {
  const campaigns = await leaderboard.sweep(group)
  if (campaigns > 0) observe({ is: 'swept', campaigns })
}

async function abandon({ intentStore, observe, signal }: ChoreSettings, group: string, kinds: Group['kinds']): Promise<void> {
  // A turn ends in time; the next one goes on.
  const over = AbortSignal.any([signal, AbortSignal.timeout(ABANDON_MS)])
  await abandonParked(intentStore, { group, channel: 'webhook', kinds }, over, (abandoned) => {
    observe({ is: 'abandoned', group, ...abandoned })
  })
}

/** The platform tells nobody that a campaign goes on: one row for each that is waited for is looked at. */
async function wake({ intentStore, clock, signal }: ChoreSettings): Promise<void> {
  const until = clock.monotonic() + WAKE_MS
  while (!(await intentStore.wakeCampaigns()).all && !signal.aborted && clock.monotonic() < until);
}
