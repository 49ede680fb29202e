-- A few rows, each rewritten several times a second.
ALTER TABLE worker.progress SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- A queue: most rows change state three times and then lie still, so a share of the whole table is too late a trigger.
ALTER TABLE worker.intents SET (
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 2000,
  autovacuum_analyze_scale_factor = 0.02,
  autovacuum_analyze_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0
);
