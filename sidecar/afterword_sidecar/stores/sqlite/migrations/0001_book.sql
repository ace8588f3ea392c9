-- The book of one sidecar. Blobs are MessagePack of the ledger's records; see the module that
-- writes each table. Ids of streams are 16 bytes, or 24 for a foreign task.

CREATE TABLE book (
    book_id TEXT NOT NULL
) STRICT;

-- Open tasks, as a log: a row holds what some commit opened (or moved here) and which keys it
-- closed. Replayed in order of id: a later opening replaces, a closing removes.
CREATE TABLE openings_log (
    id INTEGER PRIMARY KEY,
    openings BLOB NOT NULL,
    closed BLOB NOT NULL
) STRICT;

-- One row a payload, while its task is open or its dead letter is kept. A table by itself, so that
-- erasing one is exact, and lists of dead letters never read it.
CREATE TABLE payloads (
    number INTEGER PRIMARY KEY,
    stream BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (stream, sequence)
) STRICT;

CREATE TABLE streams (
    stream BLOB PRIMARY KEY,
    state BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE retired (
    number INTEGER PRIMARY KEY,
    stream BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE totals (
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,
    value BLOB NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (metric, labels)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
    number INTEGER PRIMARY KEY,
    stream BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    service TEXT NOT NULL,
    task TEXT NOT NULL,
    service_label TEXT NOT NULL,
    task_label TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    pronounced_at REAL NOT NULL,
    closed_at REAL,
    amendable INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    letter BLOB NOT NULL,
    UNIQUE (stream, sequence)
) STRICT;

-- One index answers every query: pages walk it newest first, and what they filter by is in it, so
-- that a letter is read only when it is shown.
CREATE INDEX dead_letters_by_time ON dead_letters (
    pronounced_at, stream, sequence,
    service, task, service_label, task_label, outcome, reason, closed_at, payload_bytes
);

-- Retention takes closed letters first; there are few.
CREATE INDEX dead_letters_closed ON dead_letters (pronounced_at, payload_bytes)
WHERE closed_at IS NOT NULL;

-- What is kept in all: retention asks often, and must not count each time.
CREATE TABLE kept (
    letters INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL
) STRICT;

INSERT INTO kept (letters, payload_bytes) VALUES (0, 0);

CREATE TRIGGER dead_letter_kept AFTER INSERT ON dead_letters BEGIN
    UPDATE kept SET letters = letters + 1, payload_bytes = payload_bytes + new.payload_bytes;
END;

CREATE TRIGGER dead_letter_replaced AFTER UPDATE OF payload_bytes ON dead_letters BEGIN
    UPDATE kept SET payload_bytes = payload_bytes + new.payload_bytes - old.payload_bytes;
END;

CREATE TRIGGER dead_letter_taken AFTER DELETE ON dead_letters BEGIN
    UPDATE kept SET letters = letters - 1, payload_bytes = payload_bytes - old.payload_bytes;
END;
