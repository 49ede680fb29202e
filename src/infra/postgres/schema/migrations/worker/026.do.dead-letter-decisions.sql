-- What is known of the error, and what became of the letter. An older process leaves these columns as they are by default.
ALTER TABLE worker.dead_letters
  ADD COLUMN detail       text,
  ADD COLUMN error        text,
  ADD COLUMN state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'requested', 'resolved', 'discarded')),
  ADD COLUMN requested_at timestamptz,
  ADD COLUMN replays      int  NOT NULL DEFAULT 0;

-- The record that a replay reads: as it was published, while a replay is requested; or an operator's edited copy, which stays with its letter.
CREATE TABLE worker.dead_letter_copies (
  group_name  text    NOT NULL,
  topic       text    NOT NULL,
  partition   int     NOT NULL,
  "offset"    bigint  NOT NULL,
  timestamp   bigint  NOT NULL,
  key         bytea,
  value       bytea,
  headers     jsonb   NOT NULL DEFAULT '{}',
  edited      boolean NOT NULL,
  allow_older boolean NOT NULL DEFAULT false,
  PRIMARY KEY (group_name, topic, partition, "offset"),
  FOREIGN KEY (group_name, topic, partition, "offset") REFERENCES worker.dead_letters ON DELETE CASCADE
);

-- Who did what to a letter and why, and what each replay ended as.
CREATE TABLE worker.dead_letter_actions (
  id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  group_name text        NOT NULL,
  topic      text        NOT NULL,
  partition  int         NOT NULL,
  "offset"   bigint      NOT NULL,
  action     text        NOT NULL CHECK (action IN ('replay', 'edit', 'discard', 'resolved', 'failed')),
  owner      text,
  because    text,
  at         timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (group_name, topic, partition, "offset") REFERENCES worker.dead_letters ON DELETE CASCADE
);
CREATE INDEX dead_letter_actions_letter ON worker.dead_letter_actions (group_name, topic, partition, "offset");

-- What operators know of the letters of a group that failed alike.
CREATE TABLE worker.dead_letter_groups (
  group_name  text        NOT NULL,
  fingerprint text        NOT NULL,
  owner       text,
  note        text,
  at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (group_name, fingerprint)
);
