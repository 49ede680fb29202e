import type { Dashboard } from './grafana-dashboard.ts'
import { errorRatio, percentiles, rate } from './queries.ts'

/** Mails, webhooks and other effects: how many, how long, how many fail and why. */
export const deliveriesDashboard: Dashboard = {
  uid: 'kafka-worker-deliveries',
  title: 'kafka-worker: deliveries',
  groups: 'several',
  rows: [
    [
      'Rates and errors',
      [
        {
          title: 'Deliveries a second by outcome',
          description: 'Attempts, and executions of intents without one.',
          unit: 'ops',
          lines: [['{{channel}} {{outcome}}', rate('channel, outcome', 'kafka_worker_deliveries_total{group=~"$group"}')]],
        },
        {
          title: 'Failed attempts',
          description: 'Of all attempts, those that failed, were rejected or given up, or whose outcome is unknown.',
          unit: 'percentunit',
          lines: [['{{channel}}', errorRatio('channel')]],
        },
        {
          title: 'Retries a second',
          description: 'Attempts that failed and will be repeated.',
          unit: 'ops',
          lines: [['{{channel}} {{kind}}', rate('channel, kind', 'kafka_worker_retries_total{group=~"$group"}')]],
        },
        {
          title: 'Skipped a second, by reason',
          description: 'docs/reference/states.md explains the reasons.',
          unit: 'ops',
          lines: [['{{kind}} {{reason}}', rate('kind, reason', 'kafka_worker_delivery_skips_total{group=~"$group"}')]],
        },
        {
          title: 'Special circumstances a second',
          description: 'Deliveries that were made, such as of a reward that was revoked meanwhile.',
          unit: 'ops',
          lines: [['{{kind}} {{note}}', rate('kind, note', 'kafka_worker_delivery_notes_total{group=~"$group"}')]],
        },
        {
          title: 'Variables that mail templates do not have, in ten minutes',
          description: 'The log names template and variable.',
          unit: 'short',
          lines: [['unknown variables', 'sum(increase(kafka_worker_template_unknown_variables_total[10m]))']],
        },
      ],
    ],
    [
      'Time',
      [
        {
          title: 'From event to effect, by kind',
          description: 'From the timestamp of the event, half and 95 of 100.',
          unit: 's',
          lines: percentiles('kind', 'kafka_worker_end_to_end_seconds_bucket{group=~"$group"}', [0.5, 0.95]),
        },
        {
          title: 'Time of a delivery',
          description: 'From claim to outcome, 95 of 100.',
          unit: 's',
          lines: percentiles('channel, kind', 'kafka_worker_delivery_duration_seconds_bucket{group=~"$group"}', [0.95]),
        },
        {
          title: 'Time by stage',
          description: 'docs/reference/metrics.md explains the stages; 95 of 100.',
          unit: 's',
          lines: percentiles('channel, stage', 'kafka_worker_stage_duration_seconds_bucket', [0.95]),
        },
      ],
    ],
    [
      'Backlog',
      [
        {
          title: 'Unfinished intents',
          description:
            'By what they wait for; held ones wait for a human. Every process counts the whole group, to 100,000 and no further.',
          unit: 'short',
          lines: [
            [
              '{{channel}} {{state}}',
              'sum by (channel, state) (max by (group, channel, state) (kafka_worker_intents_pending{group=~"$group"}))',
            ],
          ],
        },
        {
          title: 'Oldest due intent',
          description: 'How long the oldest live intent has been due.',
          unit: 's',
          lines: [['{{channel}}', 'max by (channel) (kafka_worker_intents_oldest_due_age_seconds{group=~"$group"})']],
        },
        {
          title: 'In flight',
          description: 'Deliveries that have started and not ended.',
          unit: 'short',
          lines: [['{{group}} {{channel}}', 'sum by (group, channel) (kafka_worker_in_flight{group=~"$group"})']],
        },
      ],
    ],
    [
      'Destinations',
      [
        {
          title: 'Destinations with an open breaker',
          description: 'The relay and endpoints: deliveries to these wait, all others continue.',
          unit: 'short',
          lines: [['{{channel}}', 'sum by (channel) (kafka_worker_breakers_open)']],
        },
        {
          title: 'Changes of breakers in ten minutes',
          description: 'By the state that they changed to.',
          unit: 'short',
          lines: [['{{channel}} {{state}}', 'sum by (channel, state) (increase(kafka_worker_breaker_changes_total[10m]))']],
        },
        {
          title: 'Waiting for a connection of the database',
          description: 'By pool, 95 of 100.',
          unit: 's',
          lines: percentiles('pool', 'kafka_worker_database_pool_wait_seconds_bucket', [0.95]),
        },
      ],
    ],
  ],
}
