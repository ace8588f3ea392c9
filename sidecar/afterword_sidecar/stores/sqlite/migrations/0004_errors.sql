-- What a task failed with, for lists and counts that ask for it. Letters that are older than this
-- column have none here, though they do when they are read.
ALTER TABLE dead_letters ADD COLUMN error TEXT NOT NULL DEFAULT '';

-- The one index again, with the column in it.
DROP INDEX dead_letters_by_time;

CREATE INDEX dead_letters_by_time ON dead_letters (
    pronounced_at, stream, sequence,
    service, task, service_label, task_label, outcome, reason, closed_at, payload_bytes, error
);
