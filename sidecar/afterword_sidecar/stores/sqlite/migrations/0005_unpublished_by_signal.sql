-- 1 while upstream does not have it: the event (logs), the span (traces). Each signal is sent by
-- itself, so that one that is refused holds up nothing of the other.
ALTER TABLE unpublished ADD COLUMN logs INTEGER NOT NULL DEFAULT 1;
ALTER TABLE unpublished ADD COLUMN traces INTEGER NOT NULL DEFAULT 1;

-- What one signal has left behind while the other waits is not walked over again and again.
CREATE INDEX unpublished_logs ON unpublished (number) WHERE logs;
CREATE INDEX unpublished_traces ON unpublished (number) WHERE traces;
