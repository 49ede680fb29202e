-- The intents of a replay: those that wait for their turn, and all of them by what became of them.
CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_of_replay ON worker.intents (replay_job, reason, id) WHERE replay_job IS NOT NULL;
