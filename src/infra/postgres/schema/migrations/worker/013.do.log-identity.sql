-- Which log the row belongs to: the topic's id, and the last record that was read, by its offset and the epoch of the leader that
-- appended it. Null until they are learnt.
ALTER TABLE worker.progress ADD COLUMN topic_id text, ADD COLUMN last_offset bigint, ADD COLUMN last_epoch int;
