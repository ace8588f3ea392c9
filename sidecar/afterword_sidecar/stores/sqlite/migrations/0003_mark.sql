-- How far whoever keeps a journal beside the book had come with its last commit: text, or empty.
ALTER TABLE book ADD COLUMN mark BLOB NOT NULL DEFAULT x'';
