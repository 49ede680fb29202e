-- Of a record whose envelope could be read and whose data could not.
ALTER TABLE worker.dead_letters ADD COLUMN campaign_id uuid;
