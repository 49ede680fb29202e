-- Set on what was accepted again because the database had lost it (a failover without the last commits, a restore).
ALTER TABLE worker.outcomes ADD COLUMN IF NOT EXISTS recovered boolean NOT NULL DEFAULT false;
