-- For the deletion of what is old. Seven bytes a row: the events of a chunk share their time, and new ones come at the end.
CREATE INDEX CONCURRENTLY IF NOT EXISTS outcomes_age ON worker.outcomes (at);
