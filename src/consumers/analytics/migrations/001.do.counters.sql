-- What happened, counted per campaign, type and day (UTC, by the event's own time). No personal data.
CREATE TABLE analytics.event_counts (
  campaign_id uuid NOT NULL,
  day date NOT NULL,
  type text NOT NULL,
  count bigint NOT NULL CHECK (count > 0),
  PRIMARY KEY (campaign_id, day, type)
);
