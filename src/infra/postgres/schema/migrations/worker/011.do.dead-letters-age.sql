-- For the deletion of what is old.
CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_letters_age ON worker.dead_letters (at);
