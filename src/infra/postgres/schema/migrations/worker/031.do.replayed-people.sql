-- How many mails of replays a person got within a day.
CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_replayed_to ON worker.intents (user_id, replayed_at) WHERE replay_job IS NOT NULL;
