-- Inserted once and deleted in batches by age: vacuumed by what was deleted or added, not by a share of millions of rows.
ALTER TABLE worker.outcomes SET (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);
