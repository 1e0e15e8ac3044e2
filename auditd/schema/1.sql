-- The audit's journal. Times are microseconds since the epoch, rows are zlib-compressed arrays of auditd.rows.ROW.
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE senders (number INTEGER PRIMARY KEY, slice TEXT NOT NULL, authority TEXT NOT NULL);
CREATE TABLE windows (
    kind TEXT NOT NULL, tag TEXT NOT NULL, slice TEXT NOT NULL, authority TEXT NOT NULL,
    since INTEGER NOT NULL, until INTEGER, -- NULL: it goes on
    PRIMARY KEY (kind, tag, since, slice, authority)
) WITHOUT ROWID;
CREATE TABLE gaps (
    lack TEXT NOT NULL, reason TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, frames INTEGER NOT NULL,
    PRIMARY KEY (lack, reason, since)
) WITHOUT ROWID;
CREATE TABLE ended (id INTEGER PRIMARY KEY, last INTEGER NOT NULL, rows BLOB NOT NULL);
CREATE TABLE open (id INTEGER PRIMARY KEY, rows BLOB NOT NULL); -- at the last checkpoint
CREATE TABLE journal (id INTEGER PRIMARY KEY, rows BLOB NOT NULL); -- arrived since
