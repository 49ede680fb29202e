-- What the reason leaves open: where the platform's tables refused a row, what the other side answered. Never a value of a row.
ALTER TABLE worker.intents ADD COLUMN detail text;
