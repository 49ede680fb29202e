-- Everything of ours lives in its own schema; nothing here locks a table of the platform.
CREATE SCHEMA IF NOT EXISTS worker;

-- What each group decided about each event: written once, at accept.
CREATE TABLE worker.outcomes (
  group_name   text        NOT NULL,
  event_id     uuid        NOT NULL,
  type         text        NOT NULL,
  content_hash bytea       NOT NULL,
  topic        text        NOT NULL,
  partition    int         NOT NULL,
  "offset"     bigint      NOT NULL,
  outcome      text        NOT NULL CHECK (outcome IN ('accepted', 'no-effect', 'duplicate', 'dead-letter')),
  effects      text[]      NOT NULL DEFAULT '{}',
  at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (group_name, event_id)
);
CREATE INDEX outcomes_at ON worker.outcomes USING brin (at);

-- Where each partition goes on. The truth; Kafka's committed offset is its report.
CREATE TABLE worker.progress (
  group_name   text        NOT NULL,
  topic        text        NOT NULL,
  partition    int         NOT NULL,
  next_offset  bigint      NOT NULL CHECK (next_offset >= 0),
  exempt_below bigint      NOT NULL DEFAULT 0,
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (group_name, topic, partition)
) WITH (fillfactor = 50);

-- Records given up, one row per position however often they are published.
CREATE TABLE worker.dead_letters (
  group_name text        NOT NULL,
  topic      text        NOT NULL,
  partition  int         NOT NULL,
  "offset"   bigint      NOT NULL,
  event_id   uuid,
  type       text,
  reason     text        NOT NULL,
  at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (group_name, topic, partition, "offset")
);

-- What is to be done. body and envelope are what was frozen at the first start.
CREATE TABLE worker.intents (
  id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  group_name    text        NOT NULL,
  kind          text        NOT NULL,
  version       int         NOT NULL,
  channel       text        NOT NULL,
  key           text        NOT NULL,
  coalesce      boolean     NOT NULL DEFAULT false,
  class         text        NOT NULL DEFAULT 'live' CHECK (class IN ('live', 'broadcast', 'replay')),
  event_id      uuid,
  event_at      timestamptz,
  campaign_id   uuid        NOT NULL,
  user_id       uuid,
  destination   text,
  data          jsonb       NOT NULL DEFAULT '{}',
  state         text        NOT NULL DEFAULT 'pending' CHECK (state IN
    ('pending', 'claimed', 'handing_over', 'ambiguous', 'held', 'sent', 'delivered', 'skipped', 'dead', 'rejected', 'cancelled')),
  reason        text,
  due_at        timestamptz NOT NULL DEFAULT now(),
  waiting_since timestamptz,
  owner         text,
  claims        int         NOT NULL DEFAULT 0,
  attempt       int         NOT NULL DEFAULT 0,
  ambiguous     int         NOT NULL DEFAULT 0,
  lease_until   timestamptz,
  envelope      jsonb,
  body          bytea,
  created_at    timestamptz NOT NULL DEFAULT now(),
  finished_at   timestamptz
) WITH (fillfactor = 70);
-- An effect is one per key and group, for as long as its row lives.
CREATE UNIQUE INDEX intents_key ON worker.intents (group_name, key) WHERE NOT coalesce;
-- Requests for the same recalculation become one, while it is pending and no longer.
CREATE UNIQUE INDEX intents_coalesced ON worker.intents (group_name, key) WHERE coalesce AND state = 'pending';
CREATE INDEX intents_due ON worker.intents (group_name, channel, class, due_at, id) WHERE state IN ('pending', 'ambiguous');
CREATE INDEX intents_lease ON worker.intents (lease_until) WHERE state IN ('claimed', 'handing_over');
-- None on event_id or user_id: every change of state would write to it, and no query asks. The intents of an event are found by
-- the keys in outcomes.effects.
-- A recalculation wakes the mails of its campaign that wait for it.
CREATE INDEX intents_awaiting_position ON worker.intents (campaign_id) WHERE state = 'pending' AND reason = 'awaiting-recalculation';
CREATE INDEX intents_unfinished_broadcast ON worker.intents (event_id) WHERE class <> 'live' AND state IN ('pending', 'claimed', 'handing_over', 'ambiguous');
-- What waits for the operator is few, and asked for at every scrape.
CREATE INDEX intents_held ON worker.intents (group_name, channel) WHERE state = 'held';
-- For the deletion of what is old; nothing else asks by this.
CREATE INDEX intents_finished ON worker.intents USING brin (finished_at);

-- The last recalculation of each campaign that committed.
CREATE TABLE worker.recalculations (
  campaign_id  uuid        PRIMARY KEY,
  began_at     timestamptz NOT NULL,
  committed_at timestamptz NOT NULL,
  rows_changed int         NOT NULL
) WITH (fillfactor = 50);

-- Codes handed out, so that none is given twice in a campaign.
CREATE TABLE worker.reward_codes (
  campaign_id    uuid        NOT NULL,
  code           text        NOT NULL,
  user_reward_id uuid        NOT NULL,
  at             timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (campaign_id, code)
);
CREATE UNIQUE INDEX reward_codes_user_reward ON worker.reward_codes (user_reward_id);

-- The points per referral that a campaign's ranking counts with, from campaigns.referral_config. Anything but a whole number
-- from 0 to 999,999,999 counts as the default.
CREATE FUNCTION worker.points_per_referral(referral_config jsonb) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN CASE WHEN referral_config ->> 'points_per_referral' ~ '^[0-9]{1,9}(\.0+)?$'
              THEN split_part(referral_config ->> 'points_per_referral', '.', 1)::int
              ELSE 1 END;
