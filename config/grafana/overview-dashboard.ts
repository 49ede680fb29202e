import type { Dashboard } from './grafana-dashboard.ts'
import { errorRatio, percentiles, rate } from './queries.ts'

/** The first look: does every group keep up, and is anything in trouble? */
export const overviewDashboard: Dashboard = {
  uid: 'kafka-worker',
  title: 'kafka-worker: overview',
  groups: 'several',
  rows: [
    [
      'Does it keep up',
      [
        {
          title: 'Lag in seconds',
          description: 'Age of the oldest record that the group has not committed. Gaps mean that it could not be measured.',
          unit: 's',
          lines: [['{{consumergroup}}', 'max by (consumergroup) (kafka_consumergroup_group_lag_seconds{consumergroup=~"$group"})']],
        },
        {
          title: 'Lag in records',
          description: 'Records that the group has not committed, over all partitions.',
          unit: 'short',
          lines: [
            [
              '{{consumergroup}}',
              'sum by (consumergroup) (max by (consumergroup, topic, partition) (kafka_consumergroup_lag{consumergroup=~"$group"}))',
            ],
          ],
        },
        {
          title: 'Oldest due intent',
          description: 'How long the oldest live intent has been due.',
          unit: 's',
          lines: [['{{group}}', 'max by (group) (kafka_worker_intents_oldest_due_age_seconds{group=~"$group"})']],
        },
        {
          title: 'Work for more processes',
          description:
            'Records and intents that more processes would do sooner: the number for autoscalers. Gaps mean that it could not be measured.',
          unit: 'short',
          lines: [['{{group}}', 'max by (group) (kafka_worker_scalable_backlog{group=~"$group"})']],
        },
        {
          title: 'Events a second by outcome',
          description: 'Records handled, by the outcome of the accept.',
          unit: 'ops',
          lines: [['{{group}} {{outcome}}', rate('group, outcome', 'kafka_worker_messages_total{group=~"$group"}')]],
        },
        {
          title: 'From event to effect',
          description: 'Half of all effects, and 95 of 100, come within this time.',
          unit: 's',
          lines: percentiles('group', 'kafka_worker_end_to_end_seconds_bucket{group=~"$group"}', [0.5, 0.95]),
        },
      ],
    ],
    [
      'Trouble',
      [
        {
          title: 'Paused',
          description: '1 while the group does not fetch. intents-due is backpressure at work and only means something when it stays.',
          unit: 'short',
          width: 6,
          lines: [['{{group}} {{reason}}', 'max by (group, reason) (kafka_worker_paused{group=~"$group"})']],
        },
        {
          title: 'Pauses of operators',
          description: 'Those that are not over, by scope; workerctl pause list names owner, reason and end of each.',
          unit: 'short',
          width: 6,
          lines: [['{{scope}}', 'max by (scope) (kafka_worker_pauses) > 0']],
        },
        {
          title: 'Open dead letters',
          description: 'Those that wait for a decision, to 100,000 and no further; workerctl dlq groups shows them by cause.',
          unit: 'short',
          width: 6,
          lines: [['{{group}}', 'max by (group) (kafka_worker_dead_letters_open{group=~"$group"})']],
        },
        {
          title: 'Dead letters in ten minutes',
          description: 'By reason; docs/guide/dead-letters.md says what to do about each.',
          unit: 'short',
          width: 6,
          lines: [['{{group}} {{reason}}', 'sum by (group, reason) (increase(kafka_worker_dead_letters_total{group=~"$group"}[10m]))']],
        },
        {
          title: 'Dependencies',
          description: '1 while it answers, as the process with the worst connection sees it; each appears with its first change of state.',
          unit: 'short',
          width: 6,
          lines: [['{{dependency}}', 'min by (dependency) (kafka_worker_dependency_up)']],
        },
        {
          title: 'Failed attempts',
          description: 'Of all attempts to deliver, those that failed, were rejected or given up, or whose outcome is unknown.',
          unit: 'percentunit',
          width: 6,
          lines: [['{{channel}}', errorRatio('channel')]],
        },
        {
          title: 'Unexpected events in ten minutes',
          description: 'Each of these has its line in docs/reference/metrics.md.',
          unit: 'short',
          width: 12,
          lines: [
            ['{{group}} row moved: {{meaning}}', 'sum by (group, meaning) (increase(kafka_worker_row_moves_total{group=~"$group"}[10m]))'],
            ['{{group}} recovered', 'sum by (group) (increase(kafka_worker_recovered_total{group=~"$group"}[10m]))'],
            ['{{group}} handler escapes', 'sum by (group) (increase(kafka_worker_handler_escapes_total{group=~"$group"}[10m]))'],
            ['{{group}} execution failures', 'sum by (group) (increase(kafka_worker_execution_failures_total{group=~"$group"}[10m]))'],
            ['{{group}} consumer crashes', 'sum by (group) (increase(kafka_worker_consumer_crashes_total{group=~"$group"}[10m]))'],
            ['{{group}} claims lost', 'sum by (group) (increase(kafka_worker_claims_lost_total{group=~"$group"}[10m]))'],
            ['leases expired: {{end}}', 'sum by (end) (increase(kafka_worker_leases_expired_total[10m]))'],
            ['retention failures', 'sum(increase(kafka_worker_retention_failures_total[10m]))'],
          ],
        },
        {
          title: 'Outbox',
          description:
            'Events that the platform wrote in its transactions and that are not in Kafka yet; failed ones wait for an operator.',
          unit: 'short',
          width: 6,
          lines: [['{{state}}', 'max by (state) (kafka_worker_outbox_pending)']],
        },
        {
          title: 'Oldest event of the outbox',
          description: 'Age of the oldest event that is to be published.',
          unit: 's',
          width: 6,
          lines: [['oldest', 'max(kafka_worker_outbox_oldest_age_seconds)']],
        },
      ],
    ],
    [
      'Processes',
      [
        {
          title: 'Processes',
          description: 'Daemons that Prometheus reaches, by version, and those of them that are ready.',
          unit: 'short',
          lines: [
            ['{{version}}', 'count by (version) (kafka_worker_build_info)'],
            ['ready', 'sum(kafka_worker_ready)'],
          ],
        },
        {
          title: 'Delay of the event loop',
          description: 'Since the last scrape, by percentile. Heartbeats and deadlines run on this loop.',
          unit: 's',
          lines: [['{{percentile}}', 'max by (percentile) (kafka_worker_event_loop_delay_seconds)']],
        },
        {
          title: 'Age of the figures',
          description: 'How old the numbers of intents are, where the database does not count them in time.',
          unit: 's',
          lines: [['{{instance}}', 'max by (instance) (kafka_worker_intents_count_age_seconds)']],
        },
        {
          title: 'Database connections',
          description: 'By pool and state; callers in the state waiting have no connection yet.',
          unit: 'short',
          lines: [['{{pool}} {{state}}', 'sum by (pool, state) (kafka_worker_database_pool)']],
        },
        {
          title: 'Memory',
          description: 'Resident.',
          unit: 'bytes',
          lines: [['{{instance}}', 'sum by (instance) (process_resident_memory_bytes{job="kafka-worker"})']],
        },
        {
          title: 'Processor',
          description: 'Cores used.',
          unit: 'short',
          lines: [['{{instance}}', rate('instance', 'process_cpu_seconds_total{job="kafka-worker"}')]],
        },
        {
          title: 'Retention: rows deleted a second',
          description: 'Rows older than DEDUPE_DAYS.',
          unit: 'ops',
          width: 24,
          lines: [['{{table}}', rate('table', 'kafka_worker_retention_rows_deleted_total')]],
        },
      ],
    ],
  ],
}
