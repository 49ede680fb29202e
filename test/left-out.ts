/**
 * Test files that `npm test` leaves to `npm run test:all`, so that it takes minutes on two cores. Each names the tests of `npm test` that
 * hold the heart of its promise meanwhile; only tests of the tests' own tools name none.
 *
 * test/repo/left-out.test.ts holds this true: every guarantee in the documents and every mutant has a test in `npm test`.
 */
export const leftOut: Readonly<Record<string, readonly string[]>> = {
  // The walk of CONTRIBUTING, in a copy of the repository.
  'test/integration/a-newcomers-walk.test.ts': ['test/repo/walk.test.ts', 'test/repo/consumers.test.ts'],

  // The Kafka client.
  'test/contract/kafka/compressed-topic.test.ts': [
    'test/unit/infra/kafka/records/packed-records.test.ts',
    'test/unit/infra/kafka/records/unpack-budget.test.ts',
  ],
  'test/contract/kafka/holes.test.ts': ['test/contract/kafka/record-source.test.ts'],
  'test/contract/kafka/membership.test.ts': ['test/contract/kafka/record-source.test.ts', 'test/contract/kafka/record-source-stop.test.ts'],
  'test/contract/kafka/record-source-crash.test.ts': ['test/contract/kafka/record-source.test.ts'],
  'test/e2e/a-partition-added-later-is-read-from-its-beginning.test.ts': ['test/contract/kafka/record-source.test.ts'],
  'test/e2e/a-right-taken-from-one-group-stops-that-group.test.ts': ['test/contract/kafka/refusals.test.ts'],
  'test/e2e/every-connection-under-tls.test.ts': [
    'test/contract/kafka/access.test.ts',
    'test/contract/postgres/database-tls.test.ts',
    'test/contract/mail/smtp-tls.test.ts',
  ],
  'test/e2e/kafka-lost-for-good-exits-3.test.ts': ['test/contract/kafka/refusals.test.ts', 'test/unit/daemon/health.test.ts'],

  // Accepting, starting, stopping.
  'test/e2e/a-frozen-database-makes-it-unready-and-keeps-it-alive.test.ts': [
    'test/unit/daemon/database-probe.test.ts',
    'test/unit/daemon/health.test.ts',
    'test/e2e/database-stopped-and-started.test.ts',
  ],
  'test/e2e/a-database-that-takes-no-writes-is-named-on-a-quiet-topic.test.ts': ['test/unit/daemon/database-probe.test.ts'],
  'test/e2e/a-topic-made-anew-stops-its-groups.test.ts': [
    'test/unit/ingest/start-offsets.test.ts',
    'test/unit/ingest/group-runner.test.ts',
  ],
  'test/e2e/bad-input-is-refused-with-one-sentence.test.ts': [
    'test/unit/daemon/preflight.test.ts',
    'test/e2e/invalid-variables-are-reported-all-at-once.test.ts',
    'test/e2e/start-that-is-refused-is-readable-on-a-terminal.test.ts',
  ],
  'test/e2e/events-produced-twice-change-nothing.test.ts': ['test/e2e/demo.test.ts', 'test/contract/postgres/accept-store.test.ts'],
  'test/e2e/no-failure-tells-an-address-or-a-secret.test.ts': [
    'test/contract/postgres/database.test.ts',
    'test/unit/infra/telemetry/log.test.ts',
  ],
  'test/e2e/start-goes-on-without-a-relay-and-says-so.test.ts': [
    'test/e2e/mail-down-positions-go-on.test.ts',
    'test/contract/mail/smtp-relay.test.ts',
  ],
  'test/e2e/start-of-a-group-on-a-topic-that-holds-records.test.ts': ['test/unit/ingest/start-offsets.test.ts'],
  'test/integration/workerctl-leaderboard-backfill.test.ts': ['test/contract/postgres/leaderboard-backfill.test.ts'],
  'test/integration/workerctl-leaderboard.test.ts': ['test/contract/postgres/leaderboard-audit.test.ts'],
  'test/integration/image.test.ts': ['test/repo/image.test.ts', 'test/repo/compose.test.ts'],

  // Delivery.
  'test/e2e/a-broadcast-is-killed-and-resumed.test.ts': [
    'test/contract/consumers/milestone-page.test.ts',
    'test/unit/delivery/broadcast/broadcast-channel.test.ts',
  ],
  'test/e2e/a-dead-tenant-delays-no-other.test.ts': [
    'test/contract/postgres/intent-store-deferred.test.ts',
    'test/unit/delivery/worker-pool.test.ts',
  ],
  'test/e2e/a-relay-that-asks-to-slow-down-is-obeyed.test.ts': [
    'test/unit/delivery/destinations.test.ts',
    'test/unit/delivery/worker-pool.test.ts',
  ],
  'test/e2e/a-reward-is-tried-as-often-as-its-endpoint-wants.test.ts': ['test/unit/delivery/execute-intent.test.ts'],
  'test/e2e/hostile-names-and-addresses-reach-nobody-else.test.ts': ['test/contract/mail/mime-composer.test.ts'],
  'test/e2e/rewards-of-an-endpoint-that-stays-away-end-and-are-retried-together.test.ts': ['test/contract/postgres/breakers.test.ts'],
  'test/e2e/slow-endpoints-delay-no-other-tenant.test.ts': ['test/contract/postgres/fair-claims.test.ts'],

  // The leaderboard, over long random histories.
  'test/contract/postgres/leaderboard-rule.test.ts': ['test/contract/postgres/leaderboard-windows.test.ts'],
  'test/contract/postgres/leaderboard-race.test.ts': ['test/contract/postgres/leaderboard.test.ts'],

  // A second look at what the demo proves, and figures.
  'test/e2e/demo-live.test.ts': ['test/e2e/demo.test.ts'],
  'test/contract/mail/mail-path-speed.test.ts': ['test/contract/mail/smtp-relay.test.ts'],
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
  'test/faults/bounds/a-lasting-fault-is-logged-once-and-reconnects-back-off.test.ts': [
    'test/unit/std/failure-gate.test.ts',
    'test/contract/mail/smtp-relay.test.ts',
  ],
  'test/faults/bounds/memory-stays-bounded-with-many-1-mb-records.test.ts': ['test/unit/infra/kafka/records/unpack-budget.test.ts'],
  'test/faults/kafka/offset-moved-ahead-by-another-tool.test.ts': ['test/e2e/start-goes-on-at-the-row-whatever-kafka-says.test.ts'],
  'test/faults/postgres/deadlock-between-recalculation-and-platform.test.ts': ['test/contract/postgres/leaderboard-windows.test.ts'],
  'test/faults/postgres/only-accepted-offsets-are-committed.test.ts': ['test/unit/ingest/offset-committer.test.ts'],
  'test/faults/postgres/reconciliation-repairs-positions-without-events.test.ts': ['test/contract/postgres/leaderboard-sweep.test.ts'],
  'test/faults/process/kill-at-final-dot-under-both-policies.test.ts': ['test/e2e/a-kill-loses-nothing.test.ts'],
  'test/faults/process/mail-in-doubt-twice-is-held.test.ts': ['test/contract/postgres/intent-store-settle.test.ts'],
  'test/faults/process/kill-before-final-dot-sends-the-mail-once.test.ts': ['test/e2e/a-kill-loses-nothing.test.ts'],
  'test/faults/process/worker-frozen-beyond-its-lease-drops-its-mail.test.ts': [
    'test/contract/postgres/intent-store-start.test.ts',
    'test/unit/delivery/execute-intent.test.ts',
  ],
  'test/faults/smtp/slow-relay-bounds-the-number-of-claims.test.ts': ['test/unit/delivery/worker-pool.test.ts'],
  'test/faults/webhook/open-breaker-affects-only-its-endpoint.test.ts': ['test/unit/delivery/destinations.test.ts'],
  'test/long/a-broadcast-ends-under-live-load-that-never-runs-out.test.ts': ['test/unit/delivery/worker-pool.test.ts'],
  'test/long/a-broadcast-of-100000-is-killed-and-resumed.test.ts': [
    'test/unit/delivery/broadcast/broadcast-channel.test.ts',
    'test/contract/consumers/milestone-page.test.ts',
  ],
  'test/long/a-rolling-restart-stops-no-partition-for-long.test.ts': ['test/e2e/two-daemons-share-the-partitions.test.ts'],
  'test/long/four-daemons-come-and-go-and-nothing-is-lost-or-doubled.test.ts': [
    'test/e2e/a-kill-loses-nothing.test.ts',
    'test/e2e/two-daemons-share-the-partitions.test.ts',
  ],
  'test/long/memory-stays-flat-over-500000-events.test.ts': ['test/unit/infra/kafka/records/unpack-budget.test.ts'],
  'test/long/one-person-of-a-million-delays-others-for-that-run-only.test.ts': ['test/contract/postgres/leaderboard-too-slow.test.ts'],
}
