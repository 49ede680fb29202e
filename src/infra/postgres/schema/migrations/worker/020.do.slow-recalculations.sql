-- Campaigns whose last recalculation took longer than LEADERBOARD_DEADLINE_MS: how often in a row, and when it may be tried again. One that
-- commits deletes the row.
CREATE TABLE IF NOT EXISTS worker.slow_recalculations (
  campaign_id uuid        PRIMARY KEY,
  group_name  text        NOT NULL,
  tries       integer     NOT NULL,
  next_try_at timestamptz NOT NULL
);
