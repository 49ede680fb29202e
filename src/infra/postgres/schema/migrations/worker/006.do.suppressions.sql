-- Who must not be written to. The platform may call the function and write the table (an unsubscribe page); never deleted by age.
CREATE OR REPLACE FUNCTION worker.address_hash(address text) RETURNS bytea
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN sha256(convert_to(lower(address), 'UTF8'));

CREATE TABLE IF NOT EXISTS worker.suppressions (
  account_id   uuid        NOT NULL,
  address_hash bytea       NOT NULL,
  reason       text        NOT NULL CHECK (reason IN ('bounced', 'unsubscribed')),
  at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (account_id, address_hash, reason)
);
