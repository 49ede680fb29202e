/**
 * Test files that `npm test` leaves to `npm run test:all`, so that it takes minutes on two cores. Each names the tests of `npm test` that
 * hold the heart of its promise meanwhile; only tests of the tests' own tools name none.
 *
 * test/repo/left-out.test.ts holds this true: every guarantee in the documents and every mutant has a test in `npm test`.
 */
export const leftOut: Readonly<Record<string, readonly string[]>> = {
  // The walk of CONTRIBUTING, in a copy of the repository.
  'test/integration/contributing-walkthrough.test.ts': ['test/repo/walk.test.ts', 'test/repo/consumers.test.ts'],

  // The package, from `npm pack` to programs of another service.
  'test/integration/publisher-package.test.ts': [
    'test/unit/publisher/kafka-transport.test.ts',
    'test/unit/publisher/topic-queue.test.ts',
    'test/repo/packed-types.test.ts',
    'test/contract/documents/examples.test.ts',
  ],

  // The Kafka client.
  'test/contract/kafka/compressed-topic.test.ts': [
    'test/unit/infra/kafka/records/packed-records.test.ts',
    'test/unit/infra/kafka/records/unpack-budget.test.ts',
  ],
  'test/contract/kafka/holes.test.ts': ['test/contract/kafka/record-source.test.ts'],
  'test/contract/kafka/membership.test.ts': ['test/contract/kafka/record-source.test.ts', 'test/contract/kafka/record-source-stop.test.ts'],
  'test/contract/kafka/record-source-crash.test.ts': ['test/contract/kafka/record-source.test.ts'],
  'test/e2e/added-partitions-are-read-from-their-beginning.test.ts': ['test/contract/kafka/record-source.test.ts'],
  'test/e2e/revoked-right-stops-only-its-group.test.ts': ['test/contract/kafka/refusals.test.ts'],
  'test/e2e/all-connections-over-tls.test.ts': [
    'test/contract/kafka/access.test.ts',
    'test/contract/postgres/database-tls.test.ts',
    'test/contract/mail/smtp-tls.test.ts',
  ],
  'test/e2e/permanent-kafka-refusal-exits-with-3.test.ts': ['test/contract/kafka/refusals.test.ts', 'test/unit/daemon/health.test.ts'],

  // The schema registry.
  'test/e2e/schema-registry-away-delays-only-its-values.test.ts': [
    'test/unit/ingest/fetch-schemas.test.ts',
    'test/unit/infra/registry/registry-client.test.ts',
    'test/unit/config/schema-registry.test.ts',
  ],

  // Accepting, starting, stopping.
  'test/e2e/several-processes-work-as-one-daemon.test.ts': [
    'test/unit/supervisor/supervisor.test.ts',
    'test/unit/supervisor/supervised.test.ts',
    'test/unit/supervisor/process-reports.test.ts',
  ],
  'test/e2e/frozen-database-makes-the-daemon-unready-but-live.test.ts': [
    'test/unit/daemon/database-probe.test.ts',
    'test/unit/daemon/health.test.ts',
    'test/e2e/database-restart-under-load-is-survived.test.ts',
  ],
  'test/e2e/read-only-database-is-reported-on-a-quiet-topic.test.ts': ['test/unit/daemon/database-probe.test.ts'],
  'test/e2e/recreated-topic-stops-its-groups.test.ts': ['test/unit/ingest/start-offsets.test.ts', 'test/unit/ingest/group-runner.test.ts'],
  'test/e2e/start-against-unusable-servers-is-refused.test.ts': [
    'test/unit/daemon/preflight.test.ts',
    'test/e2e/invalid-variables-are-reported-together.test.ts',
    'test/e2e/start-error-is-readable-on-a-terminal.test.ts',
  ],
  'test/e2e/republished-events-change-nothing.test.ts': ['test/e2e/demo.test.ts', 'test/contract/postgres/accept-store.test.ts'],
  'test/e2e/no-address-or-secret-in-any-output.test.ts': [
    'test/contract/postgres/database.test.ts',
    'test/unit/infra/telemetry/log.test.ts',
  ],
  'test/e2e/start-without-a-relay-succeeds-with-a-warning.test.ts': [
    'test/e2e/positions-continue-while-the-relay-is-down.test.ts',
    'test/contract/mail/smtp-relay-away.test.ts',
  ],
  'test/e2e/first-start-on-a-topic-with-records.test.ts': ['test/unit/ingest/start-offsets.test.ts'],
  'test/integration/workerctl-leaderboard-backfill.test.ts': ['test/contract/postgres/leaderboard-backfill.test.ts'],
  'test/integration/workerctl-leaderboard.test.ts': ['test/contract/postgres/leaderboard-audit.test.ts'],
  'test/integration/image.test.ts': ['test/repo/image.test.ts', 'test/repo/compose.test.ts'],

  // Delivery.
  'test/e2e/broadcast-resumes-after-a-kill.test.ts': [
    'test/contract/consumers/milestone-page.test.ts',
    'test/unit/delivery/broadcast/broadcast-channel.test.ts',
  ],
  'test/e2e/hanging-endpoint-delays-no-other-delivery.test.ts': [
    'test/contract/postgres/intent-store-deferred.test.ts',
    'test/unit/delivery/fair-shares.test.ts',
  ],
  'test/e2e/throttling-by-the-relay-is-respected.test.ts': [
    'test/unit/delivery/destinations.test.ts',
    'test/unit/delivery/worker-pool.test.ts',
  ],
  'test/e2e/endpoint-limits-the-retries-of-its-rewards.test.ts': ['test/unit/delivery/attempt.test.ts'],
  'test/e2e/hostile-names-and-addresses-add-no-recipient.test.ts': ['test/contract/mail/mime-composer.test.ts'],
  'test/e2e/deferred-rewards-expire-and-are-retried-together.test.ts': ['test/contract/postgres/breakers.test.ts'],
  'test/e2e/slow-endpoints-delay-no-other-tenant.test.ts': ['test/contract/postgres/fair-claims.test.ts'],

  // The leaderboard, over long random histories.
  'test/contract/postgres/leaderboard-rule.test.ts': ['test/contract/postgres/leaderboard-windows.test.ts'],
  'test/contract/postgres/leaderboard-race.test.ts': ['test/contract/postgres/leaderboard.test.ts'],

  // The outbox among a million rows.
  'test/contract/postgres/outbox-cost.test.ts': ['test/contract/postgres/outbox-session.test.ts'],

  // A second look at what the demo proves, and figures.
  'test/e2e/demo-live.test.ts': ['test/e2e/demo.test.ts'],
  'test/contract/mail/mail-path-speed.test.ts': ['test/contract/mail/smtp-pool.test.ts'],
  'test/integration/bench-leaderboard.test.ts': ['test/unit/bench/render-figures.test.ts'],
  'test/integration/bench-workers.test.ts': ['test/unit/bench/figures.test.ts', 'test/unit/bench/exactly-once.test.ts'],

  // The tests' own tools.
  'test/integration/faults/observed-daemon.test.ts': [],
  'test/integration/faults/postgres-faults.test.ts': [],
  'test/integration/faults/proxied-kafka.test.ts': [],
  'test/integration/faults/stepped-clock.test.ts': [],
  'test/integration/stack/cleanup.test.ts': [],
  'test/integration/stack/kafka-broker.test.ts': [],
}

/**
 * Scenarios of `npm run test:faults` and `npm run test:long` that a guarantee or a mutant names alone, each with the tests of `npm test` that
 * hold the heart of its promise.
 */
export const heartOf: Readonly<Record<string, readonly string[]>> = {
  'test/faults/bounds/lasting-fault-is-logged-once-and-reconnects-back-off.test.ts': [
    'test/unit/std/failure-gate.test.ts',
    'test/contract/mail/smtp-relay-away.test.ts',
  ],
  'test/faults/bounds/memory-stays-bounded-with-many-1-mb-records.test.ts': ['test/unit/infra/kafka/records/unpack-budget.test.ts'],
  'test/faults/kafka/offset-moved-ahead-by-another-tool.test.ts': [
    'test/e2e/start-continues-at-the-row-not-at-the-committed-offset.test.ts',
  ],
  'test/faults/kafka/publisher-keeps-order-over-cut-connections.test.ts': ['test/unit/publisher/topic-queue.test.ts'],
  'test/faults/kafka/publisher-without-kafka-rejects-within-its-time.test.ts': ['test/unit/publisher/topic-queue.test.ts'],
  'test/faults/postgres/deadlock-between-recalculation-and-platform.test.ts': ['test/contract/postgres/leaderboard-windows.test.ts'],
  'test/faults/postgres/only-accepted-offsets-are-committed.test.ts': ['test/unit/ingest/offset-committer.test.ts'],
  'test/faults/postgres/reconciliation-repairs-positions-without-events.test.ts': ['test/contract/postgres/leaderboard-sweep.test.ts'],
  'test/faults/process/kill-at-final-dot-under-both-policies.test.ts': ['test/e2e/kill-under-load-loses-nothing.test.ts'],
  'test/faults/process/mail-in-doubt-twice-is-held.test.ts': ['test/contract/postgres/intent-store-settle.test.ts'],
  'test/faults/process/kill-between-acknowledgement-and-mark-of-the-outbox.test.ts': [
    'test/unit/outbox/outbox-relay.test.ts',
    'test/e2e/outbox-events-are-published-once-committed.test.ts',
  ],
  'test/faults/process/outbox-relays-killed-under-load.test.ts': ['test/integration/outbox-relay.test.ts'],
  'test/faults/process/frozen-relay-loses-its-shards.test.ts': ['test/contract/postgres/outbox-session.test.ts'],
  'test/faults/process/kill-before-final-dot-sends-the-mail-once.test.ts': ['test/e2e/kill-under-load-loses-nothing.test.ts'],
  'test/faults/process/worker-frozen-beyond-its-lease-drops-its-mail.test.ts': [
    'test/contract/postgres/intent-store-start.test.ts',
    'test/unit/delivery/send.test.ts',
  ],
  'test/faults/smtp/slow-relay-bounds-the-number-of-claims.test.ts': ['test/unit/delivery/claim-loop.test.ts'],
  'test/faults/webhook/open-breaker-affects-only-its-endpoint.test.ts': ['test/unit/delivery/destinations.test.ts'],
  'test/long/broadcast-ends-under-endless-live-load.test.ts': ['test/unit/delivery/claim-loop.test.ts'],
  'test/long/broadcast-to-100000-resumes-after-a-kill.test.ts': [
    'test/unit/delivery/broadcast/broadcast-channel.test.ts',
    'test/contract/consumers/milestone-page.test.ts',
  ],
  'test/long/rolling-restart-interrupts-partitions-only-briefly.test.ts': ['test/e2e/two-daemons-share-the-partitions.test.ts'],
  'test/long/four-daemons-join-and-leave-under-traffic.test.ts': [
    'test/e2e/kill-under-load-loses-nothing.test.ts',
    'test/e2e/two-daemons-share-the-partitions.test.ts',
  ],
  'test/long/memory-stays-flat-over-500000-events.test.ts': ['test/unit/infra/kafka/records/unpack-budget.test.ts'],
  'test/long/blocking-the-top-of-a-million-delays-others-by-one-run.test.ts': ['test/contract/postgres/leaderboard-too-slow.test.ts'],
}
