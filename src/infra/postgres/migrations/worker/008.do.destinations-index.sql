-- What was never attempted and waits for its destination: counted per destination by the backpressure, once a second.
CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_destination
  ON worker.intents (group_name, destination)
  WHERE destination IS NOT NULL AND state = 'pending' AND attempt = 0;
