-- Few, among millions that are pending, and counted at every scrape.
CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_ambiguous ON worker.intents (group_name, channel) WHERE state = 'ambiguous';
