-- Every daemon looks for requested replays; nearly always there are none.
CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_letters_requested ON worker.dead_letters (group_name, topic, requested_at) WHERE state = 'requested';
