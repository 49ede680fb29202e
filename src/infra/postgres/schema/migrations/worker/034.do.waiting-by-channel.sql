-- The intents of a replay that wait for their turn, by channel: those of a channel that stands still are not read.
CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_waiting_by_channel ON worker.intents (replay_job, channel, id) WHERE reason = 'replay-waiting';
