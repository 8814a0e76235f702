
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, workflow TEXT NOT NULL, program TEXT NOT NULL, document TEXT NOT NULL,
        principal TEXT NOT NULL, status TEXT NOT NULL, state TEXT NOT NULL, command TEXT NOT NULL,
        created REAL NOT NULL, updated REAL NOT NULL, owner TEXT NOT NULL, due REAL, cancel INTEGER NOT NULL,
        outcome TEXT
    ) STRICT;
    CREATE INDEX runs_by_owner ON runs (owner) WHERE status = 'working';
    CREATE INDEX runs_by_principal ON runs (principal, created DESC);
    CREATE TABLE programs (digest TEXT PRIMARY KEY, snapshot BLOB NOT NULL) STRICT;
    
    ALTER TABLE runs ADD COLUMN key TEXT;
    ALTER TABLE runs ADD COLUMN arguments TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX runs_by_arguments ON runs (principal, arguments) WHERE arguments <> '';
    CREATE INDEX runs_by_key ON runs (principal, key) WHERE key IS NOT NULL;
    CREATE INDEX runs_by_end ON runs (updated) WHERE status <> 'working';
    CREATE TABLE tombstones (
        id TEXT PRIMARY KEY, principal TEXT NOT NULL, workflow TEXT NOT NULL, status TEXT NOT NULL,
        ended REAL NOT NULL, pruned REAL NOT NULL
    ) STRICT;
    
    CREATE INDEX runs_to_cancel ON runs (owner, status) WHERE cancel = 1;
    PRAGMA user_version = 3;
