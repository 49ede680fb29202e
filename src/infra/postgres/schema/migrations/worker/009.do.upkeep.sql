-- Inserted once and deleted in batches by age: vacuumed by what was deleted or added, not by a share of millions of rows.
ALTER TABLE worker.outcomes SET (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);

-- A block range index never forgets the oldest time that its blocks once held. When the space of what was deleted is filled with
-- new rows, which is the steady state, every look for old ones reads every block. See 010; intents are found by their key.
DROP INDEX IF EXISTS worker.outcomes_at;
DROP INDEX IF EXISTS worker.intents_finished;
