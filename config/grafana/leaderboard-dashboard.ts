import type { Dashboard } from './grafana-dashboard.ts'
import { percentiles, rate } from './queries.ts'

/** Leaderboards: how often they are recalculated and how, how long that takes, and what waits for it. */
export const leaderboardDashboard: Dashboard = {
  uid: 'kafka-worker-leaderboard',
  title: 'kafka-worker: leaderboard',
  rows: [
    [
      'Recalculations',
      [
        {
          title: 'Recalculations a second',
          description: 'windowed: only around the changed participants; otherwise the reason for ranking the whole campaign.',
          unit: 'ops',
          lines: [['{{mode}}', rate('mode', 'kafka_worker_recalculations_total')]],
        },
        {
          title: 'Time of a recalculation',
          description: 'Half of all, 95 and 99 of 100.',
          unit: 's',
          lines: percentiles('', 'kafka_worker_recalculation_duration_seconds_bucket', [0.5, 0.95, 0.99]),
        },
        {
          title: 'Rows changed a second',
          description: 'Positions that recalculations wrote.',
          unit: 'ops',
          lines: [['rows', 'sum(rate(kafka_worker_recalculation_rows_changed_total[$__rate_interval]))']],
        },
        {
          title: 'Campaigns found by the sweep, a second',
          description: 'They changed without an event.',
          unit: 'ops',
          lines: [['campaigns', 'sum(rate(kafka_worker_swept_campaigns_total[$__rate_interval]))']],
        },
        {
          title: 'Oldest due recalculation',
          description: 'Recalculations of a campaign coalesce: their age counts, not their number.',
          unit: 's',
          lines: [['{{group}}', 'max by (group) (kafka_worker_intents_oldest_due_age_seconds{channel="leaderboard"})']],
        },
        {
          title: 'Unfinished recalculations',
          description: 'By what they wait for.',
          unit: 'short',
          lines: [['{{state}}', 'sum by (state) (max by (group, state) (kafka_worker_intents_pending{channel="leaderboard"}))']],
        },
      ],
    ],
    [
      'Effects',
      [
        {
          title: 'Outcomes a second',
          description: 'Of recalculations.',
          unit: 'ops',
          width: 12,
          lines: [['{{outcome}}', rate('outcome', 'kafka_worker_deliveries_total{channel="leaderboard"}')]],
        },
        {
          title: 'In flight',
          description: 'Recalculations at work.',
          unit: 'short',
          width: 12,
          lines: [['{{group}}', 'sum by (group) (kafka_worker_in_flight{channel="leaderboard"})']],
        },
      ],
    ],
  ],
}
