-- What recalculations did to people, for whoever is asked why somebody stands where he stands. Only inserted, read by person,
-- deleted by age. No position: not ranked then.
CREATE TABLE worker.position_changes (
  user_id       uuid        NOT NULL,
  campaign_id   uuid        NOT NULL,
  -- When the run that did it began to read, and when the one before it did: what was accepted in between is what it covered.
  at            timestamptz NOT NULL,
  since         timestamptz,
  from_position int,
  to_position   int,
  from_score    bigint,
  to_score      bigint
);
CREATE INDEX position_changes_user ON worker.position_changes (user_id, at DESC);
CREATE INDEX position_changes_at ON worker.position_changes (at);

ALTER TABLE worker.recalculations ADD COLUMN mode text NOT NULL DEFAULT 'full' CHECK (mode IN ('windowed', 'full'));
