-- Intents put back because their endpoint is busy or away. They are claimed by destination, not by time, so that however many
-- there are, no claim of others walks past them.
CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_parked
  ON worker.intents (group_name, channel, destination, (class <> 'live'), id)
  WHERE state = 'pending' AND reason IN ('endpoint-busy', 'endpoint-open');
