-- Ranges of a topic that a group decides again, by an operator's order. A daemon that runs the group claims the job under a lease.
CREATE TABLE IF NOT EXISTS worker.replay_jobs (
  id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  group_name   text        NOT NULL,
  topic        text        NOT NULL,
  topic_id     text,
  -- { types, campaigns, users, events }; an empty list selects everything.
  filter       jsonb       NOT NULL,
  allow_older  boolean     NOT NULL,
  -- Events a second that are read, and intents a second that are released at the end of the ramp.
  event_rate   int         NOT NULL CHECK (event_rate > 0),
  send_rate    int         NOT NULL CHECK (send_rate > 0),
  -- Mails for one person and day.
  cap          int         NOT NULL CHECK (cap > 0),
  -- What the dry run counted, and the number that the operator confirmed.
  plan         jsonb       NOT NULL,
  confirmed    bigint      NOT NULL,
  requested_by text        NOT NULL,
  reason       text        NOT NULL,
  state        text        NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'paused', 'done', 'cancelled', 'failed')),
  detail       text,
  counts       jsonb       NOT NULL DEFAULT '[]',
  released     bigint      NOT NULL DEFAULT 0,
  owner        text,
  claims       int         NOT NULL DEFAULT 0,
  lease_until  timestamptz,
  created_at   timestamptz NOT NULL DEFAULT now(),
  started_at   timestamptz,
  read_at      timestamptz,
  finished_at  timestamptz
) WITH (fillfactor = 50);

-- The cursor of each partition. It moves in the transaction that accepts.
CREATE TABLE IF NOT EXISTS worker.replay_ranges (
  job_id      bigint NOT NULL REFERENCES worker.replay_jobs (id) ON DELETE CASCADE,
  partition   int    NOT NULL,
  from_offset bigint NOT NULL,
  to_offset   bigint NOT NULL,
  next_offset bigint NOT NULL,
  PRIMARY KEY (job_id, partition)
) WITH (fillfactor = 50);

-- Who did what to a job, and why. Only inserted.
CREATE TABLE IF NOT EXISTS worker.replay_audit (
  id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id bigint      NOT NULL REFERENCES worker.replay_jobs (id) ON DELETE CASCADE,
  at     timestamptz NOT NULL DEFAULT now(),
  action text        NOT NULL,
  who    text        NOT NULL,
  reason text
);
CREATE INDEX IF NOT EXISTS replay_audit_job ON worker.replay_audit (job_id, id);

-- The replay that wrote or revived the intent last, and when.
ALTER TABLE worker.intents ADD COLUMN IF NOT EXISTS replay_job bigint, ADD COLUMN IF NOT EXISTS replayed_at timestamptz;
