-- Dead letters whose latest verdict nobody upstream has confirmed yet, where verdicts are published.
-- A letter that changes again takes a new number, so that confirming the old one leaves it here.
CREATE TABLE unpublished (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    stream BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    UNIQUE (stream, sequence)
) STRICT;

CREATE TRIGGER dead_letter_not_to_be_published AFTER DELETE ON dead_letters BEGIN
    DELETE FROM unpublished WHERE stream = old.stream AND sequence = old.sequence;
END;

-- 1: upstream has confirmed the span that the task itself never sent. There is never a second one.
ALTER TABLE dead_letters ADD COLUMN span_sent INTEGER NOT NULL DEFAULT 0;
