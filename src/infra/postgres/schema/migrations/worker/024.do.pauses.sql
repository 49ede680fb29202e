-- What operators have paused. A pause is over when it was ended, or at `ends_at`; rows stay as the history of who paused what, and why.
CREATE TABLE IF NOT EXISTS worker.pauses (
  id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scope      text        NOT NULL CHECK (scope IN ('group', 'channel', 'destination', 'campaign', 'type', 'partition')),
  -- Null: in every group.
  group_name text,
  -- The group, channel, endpoint, campaign, event type or partition.
  target     text        NOT NULL,
  owner      text        NOT NULL,
  reason     text        NOT NULL,
  began_at   timestamptz NOT NULL DEFAULT now(),
  -- Null: until it is ended.
  ends_at    timestamptz,
  ended_at   timestamptz,
  ended_by   text
);
CREATE UNIQUE INDEX IF NOT EXISTS pauses_active ON worker.pauses (scope, target, (coalesce(group_name, ''))) WHERE ended_at IS NULL;
