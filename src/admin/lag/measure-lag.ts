import type { LogAdmin } from '../../ingest/log-admin.ts'
import type { Clock } from '../../std/clock.ts'
import { messageOf } from '../../std/failure.ts'
import { createLagMonitor } from './lag-monitor.ts'
import type { ChannelWords } from './lag-ports.ts'
import { observeLag, type LagSources } from './observe-lag.ts'
import { reportLag, type GroupLagReport } from './lag-report.ts'

/** The longest wait for one answer of Kafka or the database, beside the measurement itself; milliseconds. */
const ANSWER_MS = 5_000

/** Measures beside running daemons, or where none runs. */
export interface LagMeasurer {
  /** The figures now, with rates since the first measurement within the last minute. Rejects when Kafka does not answer. */
  measure(): Promise<readonly GroupLagReport[]>
}

/**
 * A measurer for an operator, who has not watched for a minute: the age of an unread record is its timestamp, and whether a group stands
 * still follows from its progress rows.
 */
export function createLagMeasurer(of: {
  readonly groups: readonly { readonly id: string; readonly topic: string }[]
  readonly admin: Pick<LogAdmin, 'committed' | 'ranges'>
  readonly sources: Omit<LagSources, 'monitor' | 'clock' | 'deadlineMs' | 'everyHead'>
  readonly channels: readonly ChannelWords[]
  readonly clock: Clock
}): LagMeasurer {
  const { groups, admin, sources, channels, clock } = of
  const failures: unknown[] = []
  const monitor = createLagMonitor({ admin, groups, intervalMs: 60_000, clock, onError: (error) => failures.push(error) })
  return {
    async measure() {
      await monitor.measure()
      const [failure] = failures
      if (failure !== undefined) throw failure instanceof Error ? failure : new Error(messageOf(failure))
      const seen = await observeLag(groups, { ...sources, monitor, clock, deadlineMs: ANSWER_MS, everyHead: true })
      return seen.map((one) => reportLag(one, channels, clock.now()))
    },
  }
}
