-- What the publisher of the event gave to follow a request through all of its effects.
ALTER TABLE worker.intents ADD COLUMN correlation_id text;
