-- Events that were published inside transactions of the platform. The relay sends them to Kafka in the order of `position` within each key;
-- published rows are deleted after three days, failed ones stay until they are requeued. The columns from `id` to `payload` have the names
-- that Debezium's outbox event router knows: https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html
CREATE TABLE IF NOT EXISTS worker.outbox (
  position      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- The event id.
  id            uuid        NOT NULL,
  -- What the key is the id of, such as `campaign`.
  aggregatetype text        NOT NULL,
  -- The key of the record.
  aggregateid   text        NOT NULL,
  type          text        NOT NULL,
  topic         text        NOT NULL,
  headers       jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(headers) = 'object'),
  -- The value of the record, byte for byte.
  payload       text        NOT NULL,
  -- One of eight; a shard is published by one process at a time.
  shard         smallint    NOT NULL GENERATED ALWAYS AS ((hashtextextended(aggregateid, 0) & 7)::smallint) STORED,
  created_at    timestamptz NOT NULL DEFAULT now(),
  published_at  timestamptz,
  -- Kafka will not take it as it is; the rest of its shard goes on.
  failed_at     timestamptz,
  reason        text,
  error         text
) WITH (
  -- A queue: each row is written twice and deleted days later, so a share of the whole table is too late a trigger.
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 2000,
  autovacuum_analyze_scale_factor = 0.02,
  autovacuum_analyze_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0
);

-- A transaction may commit a lower position after a higher one was published; it is found here all the same, however many rows there are.
CREATE INDEX IF NOT EXISTS outbox_unpublished ON worker.outbox (shard, position) WHERE published_at IS NULL AND failed_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_published ON worker.outbox (published_at) WHERE published_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS outbox_failed ON worker.outbox (position) WHERE failed_at IS NOT NULL;
