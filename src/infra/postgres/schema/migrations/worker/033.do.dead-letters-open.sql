-- Every scrape counts the dead letters that wait for a decision, and no others.
CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_letters_open ON worker.dead_letters (group_name) WHERE state = 'open';
