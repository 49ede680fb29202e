-- Bodies of what was sent before bodies were dropped with the end of their intent; the retention clears them and empties this index.
CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_sent_bodies ON worker.intents (id) WHERE body IS NOT NULL AND state IN ('sent', 'delivered');
