-- Intents that a pause keeps out of the order of what is due; `detail` names the pause. One probe per pause finds them when it is over.
CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_paused ON worker.intents (detail, id) WHERE state = 'pending' AND reason = 'paused';
