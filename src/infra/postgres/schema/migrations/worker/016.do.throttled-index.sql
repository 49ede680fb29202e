-- Mails that wait for their turn under a rate of ours are work like any that is due: they are counted by this.
CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_throttled ON worker.intents (group_name)
  WHERE state = 'pending' AND reason IN ('domain-rate', 'relay-rate');
