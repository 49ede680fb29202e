import { deliveriesDashboard } from './deliveries-dashboard.ts'
import type { Dashboard } from './grafana-dashboard.ts'
import { groupDashboard } from './group-dashboard.ts'
import { leaderboardDashboard } from './leaderboard-dashboard.ts'
import { overviewDashboard } from './overview-dashboard.ts'

/** The dashboards by the names of their files in `config/grafana/dashboards`. */
export const dashboards: Readonly<Record<string, Dashboard>> = {
  'kafka-worker': overviewDashboard,
  'kafka-worker-group': groupDashboard,
  'kafka-worker-deliveries': deliveriesDashboard,
  'kafka-worker-leaderboard': leaderboardDashboard,
}
