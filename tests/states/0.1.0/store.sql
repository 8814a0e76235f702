
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, workflow TEXT NOT NULL, program TEXT NOT NULL, document TEXT NOT NULL,
        principal TEXT NOT NULL, status TEXT NOT NULL, state TEXT NOT NULL, command TEXT NOT NULL,
        created REAL NOT NULL, updated REAL NOT NULL, owner TEXT NOT NULL, due REAL, cancel INTEGER NOT NULL,
        outcome TEXT
    ) STRICT;
    CREATE INDEX runs_by_owner ON runs (owner) WHERE status = 'working';
    CREATE INDEX runs_by_principal ON runs (principal, created DESC);
    CREATE TABLE programs (digest TEXT PRIMARY KEY, snapshot BLOB NOT NULL) STRICT;
    PRAGMA user_version = 1;
