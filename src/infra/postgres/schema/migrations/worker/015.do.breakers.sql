-- Destinations with an open breaker, as the processes have found them. The time since open_since counts without a gap: who finds one
-- away that nobody has tried for hours begins anew, and a delivery that arrives deletes the row.
CREATE TABLE IF NOT EXISTS worker.breakers (
  channel     text        NOT NULL,
  destination text        NOT NULL,
  reason      text,
  open_since  timestamptz NOT NULL,
  failed_at   timestamptz NOT NULL,
  PRIMARY KEY (channel, destination)
) WITH (fillfactor = 50);
