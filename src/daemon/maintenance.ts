import type { Config } from '../../config/load.ts'
import { channelList } from './compose/channels.ts'
import type { Group } from './compose/groups.ts'
import { abandonDeferred, type BreakerRecord, type DeferredWork } from '../delivery/breaker-history.ts'
import type { IntentStore } from '../delivery/intent-store.ts'
import { leaderboardChannel } from '../leaderboard/leaderboard-channel.ts'
import type { createLeaderboard } from '../leaderboard/postgres-leaderboard.ts'
import { applyRetention } from '../infra/postgres/admin/retention.ts'
import type { Pools } from './compose/pools.ts'
import { jitter } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import type { Tasks } from './periodic-tasks.ts'
import type { Observe } from '../model/fact.ts'

/** What the maintenance tasks work on. */
export interface MaintenanceSettings {
  readonly config: Config
  readonly pools: Pools
  readonly groups: readonly Pick<Group, 'id' | 'kinds'>[]
  readonly breakerRecord: BreakerRecord
  readonly intentStore: IntentStore
  readonly leaderboard: ReturnType<typeof createLeaderboard>
  readonly clock: Clock
  readonly observe: Observe
  readonly signal: AbortSignal
}

/** How often open breakers are stored, and intents deferred for too long are given up; milliseconds. */
const BREAKERS_MS = 2_000
const ABANDON_MS = 10_000
/** The longest run of the task that resumes paused campaigns; milliseconds. */
const RESUME_MS = 10_000

/** Starts the maintenance tasks of a process: expired leases, retention, paused campaigns, breakers, and reconciliation of leaderboards changed without an event. */
export function startMaintenance(tasks: Tasks, settings: MaintenanceSettings): void {
  const { config, groups } = settings
  const { leaseCheckMs, retentionIntervalMs, campaignPausedRecheckMs } = config.delivery
  const statementMs = settings.pools.delivery.longestStatementMs
  tasks.schedule('lease check', leaseCheckMs, statementMs, () => expireLeases(settings))
  // A run takes at most half of the interval, and ends with the batch in flight.
  const budgetMs = retentionIntervalMs / 2
  tasks.schedule(
    'retention',
    retentionIntervalMs,
    budgetMs + 2 * statementMs,
    () => runRetention(settings, budgetMs),
    () => jitter(retentionIntervalMs),
  )
  tasks.schedule('paused campaigns', campaignPausedRecheckMs, RESUME_MS + statementMs, () => resumePausedCampaigns(settings))
  tasks.schedule('open breakers', BREAKERS_MS, statementMs, () => settings.breakerRecord.write())
  for (const { id, kinds } of groups) {
    for (const channel of kinds.channels) {
      const definition = channelList[channel]
      if (definition.destinations === null || definition.destinations.sole !== null) continue
      const { retry, deliveryLog } = definition
      const task = `deferred ${channel} intents of ${id}`
      tasks.schedule(task, ABANDON_MS, ABANDON_MS + statementMs, () => abandon(settings, { group: id, channel, kinds, retry, deliveryLog }))
    }
    const recalculates = kinds.channels.includes(leaderboardChannel.name)
    if (recalculates) tasks.schedule('leaderboard sweep', config.leaderboard.sweepMs, statementMs, () => sweep(settings, id))
  }
}

async function expireLeases({ config, intentStore, observe }: MaintenanceSettings): Promise<void> {
  const { ambiguous, ambiguousRetryMs } = config.mail
  const expired = await intentStore.expireLeases({ hold: ambiguous === 'hold', ambiguousRetryMs })
  if (expired.reclaimed + expired.ambiguous > 0) observe({ is: 'leases-expired', ...expired })
}

async function runRetention({ config, pools, clock, observe, signal }: MaintenanceSettings, budgetMs: number): Promise<void> {
  try {
    const { dedupeDays } = config.accept
    const report = await applyRetention(
      pools.delivery,
      { dedupeDays, historyDays: config.leaderboard.historyDays, clock, budgetMs },
      signal,
    )
    if (report !== null && report.deleted.size > 0) observe({ is: 'retention', ...report })
  } catch (error) {
    observe({ is: 'retention-failed', cause: messageOf(error) })
  }
}

async function sweep({ leaderboard, observe }: MaintenanceSettings, group: string): Promise<void> {
  const campaigns = await leaderboard.sweep(group)
  if (campaigns > 0) observe({ is: 'swept', campaigns })
}

async function abandon({ intentStore, observe, signal }: MaintenanceSettings, of: DeferredWork): Promise<void> {
  // Bounded: the next run continues.
  const over = AbortSignal.any([signal, AbortSignal.timeout(ABANDON_MS)])
  await abandonDeferred(intentStore, of, over, (abandoned) => {
    observe({ is: 'abandoned', group: of.group, ...abandoned })
  })
}

/** The platform does not announce that a campaign resumes, so one row of each waiting campaign is checked. */
async function resumePausedCampaigns({ intentStore, clock, signal }: MaintenanceSettings): Promise<void> {
  const until = clock.monotonic() + RESUME_MS
  while (!(await intentStore.resumeCampaigns()).all && !signal.aborted && clock.monotonic() < until);
}
