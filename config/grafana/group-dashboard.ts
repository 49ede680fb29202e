import type { Dashboard } from './grafana-dashboard.ts'
import { percentiles, rate } from './queries.ts'

/** One consumer group: what it reads, how long that takes by type, and how evenly its partitions are loaded. */
export const groupDashboard: Dashboard = {
  uid: 'kafka-worker-group',
  title: 'kafka-worker: one group',
  groups: 'one',
  rows: [
    [
      'Reading',
      [
        {
          title: 'Events a second by type',
          description: 'Records handled. other: types that the catalogue does not have.',
          unit: 'ops',
          lines: [['{{type}}', rate('type', 'kafka_worker_messages_total{group=~"$group"}')]],
        },
        {
          title: 'Events a second by outcome',
          description: 'ok has an effect; skipped is of a type that the group does not handle.',
          unit: 'ops',
          lines: [['{{outcome}}', rate('outcome', 'kafka_worker_messages_total{group=~"$group"}')]],
        },
        {
          title: 'Time to accept, by type',
          description: 'Of chunks that held events of the type, 95 of 100.',
          unit: 's',
          lines: percentiles('type', 'kafka_worker_processing_duration_seconds_bucket{group=~"$group"}', [0.95]),
        },
        {
          title: 'Time to accept a chunk',
          description: 'Half of all chunks, 95 and 99 of 100.',
          unit: 's',
          lines: percentiles('', 'kafka_worker_accept_duration_seconds_bucket{group=~"$group"}', [0.5, 0.95, 0.99]),
        },
        {
          title: 'Errors a second while reading',
          description: 'Attempts that are repeated, and commits that Kafka refused.',
          unit: 'ops',
          lines: [
            ['repeated accepts', 'sum(rate(kafka_worker_accept_retries_total{group=~"$group"}[$__rate_interval]))'],
            ['failed commits', 'sum(rate(kafka_worker_commit_failures_total{group=~"$group"}[$__rate_interval]))'],
          ],
        },
        {
          title: 'Dead letters in ten minutes',
          description: 'By reason; docs/guide/dead-letters.md says what to do about each.',
          unit: 'short',
          lines: [['{{reason}}', 'sum by (reason) (increase(kafka_worker_dead_letters_total{group=~"$group"}[10m]))']],
        },
      ],
    ],
    [
      'Partitions',
      [
        {
          title: 'Lag by partition',
          description: 'Records that the group has not committed.',
          unit: 'short',
          lines: [['{{partition}}', 'max by (partition) (kafka_consumergroup_lag{consumergroup=~"$group"})']],
        },
        {
          title: 'Records a second by partition',
          description: 'A partition far above the others has a hot key; GET /lag names the hottest campaigns.',
          unit: 'ops',
          lines: [['{{partition}}', rate('partition', 'kafka_worker_partition_records_total{group=~"$group"}')]],
        },
        {
          title: 'Skew',
          description: 'The busiest partition, in times of the average. 1: all are equally busy.',
          unit: 'short',
          lines: [
            [
              'busiest / average',
              `max(${rate('partition', 'kafka_worker_partition_records_total{group=~"$group"}')}) / avg(${rate('partition', 'kafka_worker_partition_records_total{group=~"$group"}')})`,
            ],
          ],
        },
        {
          title: 'Partitions by process',
          description: 'Their sum is the number of partitions of the topic, except during a rebalance.',
          unit: 'short',
          lines: [['{{instance}}', 'sum by (instance) (kafka_worker_assigned_partitions{group=~"$group"})']],
        },
        {
          title: 'Committed offset',
          description: 'Offset last committed to Kafka. A line that ends has moved to another process.',
          unit: 'short',
          lines: [['{{partition}}', 'max by (partition) (kafka_worker_committed_offset{group=~"$group"})']],
        },
        {
          title: 'Rebalances in ten minutes',
          description: 'A rolling restart shows here; anything else that moves it is worth a look.',
          unit: 'short',
          lines: [
            ['joins', 'sum(increase(kafka_worker_rebalances_total{group=~"$group"}[10m]))'],
            ['consumer crashes', 'sum(increase(kafka_worker_consumer_crashes_total{group=~"$group"}[10m]))'],
          ],
        },
      ],
    ],
    [
      'Effects',
      [
        {
          title: 'From event to effect, by kind',
          description: 'From the timestamp of the event, 95 of 100.',
          unit: 's',
          lines: percentiles('kind', 'kafka_worker_end_to_end_seconds_bucket{group=~"$group"}', [0.95]),
        },
        {
          title: 'Unfinished intents',
          description:
            'By what they wait for; held ones wait for a human. Every process counts the whole group, to 100,000 and no further.',
          unit: 'short',
          lines: [['{{state}}', 'sum by (state) (max by (channel, state) (kafka_worker_intents_pending{group=~"$group"}))']],
        },
        {
          title: 'Open dead letters',
          description: 'Those that wait for a decision, to 100,000 and no further; workerctl dlq groups shows them by cause.',
          unit: 'short',
          lines: [['open', 'max(kafka_worker_dead_letters_open{group=~"$group"})']],
        },
        {
          title: 'Work for more processes',
          description: 'Records and intents that more processes would do sooner: the number for autoscalers.',
          unit: 'short',
          lines: [['backlog', 'max(kafka_worker_scalable_backlog{group=~"$group"})']],
        },
        {
          title: 'Paused',
          description: '1 while the group does not fetch, by reason.',
          unit: 'short',
          lines: [['{{reason}}', 'max by (reason) (kafka_worker_paused{group=~"$group"})']],
        },
      ],
    ],
  ],
}
