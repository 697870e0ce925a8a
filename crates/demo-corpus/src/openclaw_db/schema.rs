/// The version that OpenClaw 2026.9.6 writes into `schema_meta` and `user_version`.
pub(super) const VERSION: i64 = 23;

/// The tables that matter to a reader of usage, with the published types and checks of the
/// columns that it may use and of those that must not be null.
pub(super) const SCHEMA: &str = "
PRAGMA user_version = 23;
CREATE TABLE schema_meta (
    meta_key TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    agent_id TEXT,
    app_version TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE TABLE session_nodes (
    session_key TEXT NOT NULL PRIMARY KEY,
    current_session_id TEXT NOT NULL,
    entry_json TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    status TEXT CHECK (status IN ('running', 'done', 'failed', 'killed', 'timeout')),
    created_via TEXT CHECK (created_via IN
        ('operator', 'spawn', 'channel', 'cron', 'talk', 'run', 'plugin', 'internal')),
    parent_session_key TEXT,
    spawned_by TEXT,
    fork_source_session_key TEXT
) STRICT;
CREATE TABLE session_windows (
    session_id TEXT NOT NULL PRIMARY KEY,
    session_key TEXT NOT NULL REFERENCES session_nodes (session_key) ON DELETE CASCADE,
    previous_session_id TEXT,
    reason TEXT CHECK (reason IN ('initial', 'reset', 'rollover', 'fork', 'rewind', 'switch',
        'recovery', 'compaction')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    transcript_updated_at INTEGER,
    transcript_observed_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    status TEXT CHECK (status IN ('running', 'done', 'failed', 'killed', 'timeout'))
) STRICT;
CREATE TABLE transcript_events (
    session_id TEXT NOT NULL REFERENCES session_windows (session_id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    event_json TEXT,
    created_at INTEGER NOT NULL,
    event_zstd BLOB,
    event_utf8_bytes INTEGER CHECK (0 <= event_utf8_bytes),
    navigation_json TEXT,
    PRIMARY KEY (session_id, seq),
    CHECK ((event_json IS NOT NULL AND event_zstd IS NULL)
        OR (event_json IS NULL AND event_zstd IS NOT NULL
            AND event_utf8_bytes IS NOT NULL
            AND event_utf8_bytes BETWEEN 1 AND 4194304
            AND length(event_zstd) BETWEEN 1 AND 4194304
            AND navigation_json IS NOT NULL))
) STRICT;
CREATE TABLE transcript_rewrite_watermarks (
    session_id TEXT NOT NULL PRIMARY KEY
        REFERENCES session_windows (session_id) ON DELETE CASCADE,
    generation TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE TABLE session_transcript_cold_archives (
    session_id TEXT NOT NULL PRIMARY KEY
        REFERENCES session_windows (session_id) ON DELETE CASCADE,
    generation TEXT NOT NULL,
    archive_name TEXT NOT NULL UNIQUE,
    archive_sha256 TEXT NOT NULL CHECK (length(archive_sha256) = 64),
    event_count INTEGER NOT NULL CHECK (1 <= event_count),
    raw_bytes INTEGER NOT NULL CHECK (0 <= raw_bytes),
    archive_bytes INTEGER NOT NULL CHECK (0 <= archive_bytes),
    last_seq INTEGER NOT NULL,
    archived_at INTEGER NOT NULL,
    storage TEXT NOT NULL CHECK (storage IN ('file', 'sqlite')),
    archive_blob BLOB,
    CHECK ((storage = 'file') = (archive_blob IS NULL))
) STRICT;
CREATE TABLE session_transcript_archives (
    session_id TEXT NOT NULL,
    generation TEXT NOT NULL,
    session_key TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('deleted', 'reset')),
    encoding TEXT NOT NULL CHECK (encoding IN ('identity', 'zstd')),
    archive_blob BLOB NOT NULL,
    archive_sha256 TEXT NOT NULL CHECK (length(archive_sha256) = 64),
    archive_name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    published_at INTEGER,
    PRIMARY KEY (session_id, generation)
) STRICT;
CREATE TABLE cache_entries (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    value_json TEXT,
    blob BLOB,
    expires_at INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;
";
