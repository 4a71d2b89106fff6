/** The tables, as an ordered list of plain SQL that both engines run. A migration that shipped never changes. */
export const migrations: readonly (readonly string[])[] = [
  [
    // What holds for the whole store: `epoch` is new after every forgotten meeting, `meeting` numbers the meetings,
    // `ping` is written to see whether writing works. Rows of their own, so that none waits for another.
    `CREATE TABLE meetcast_store (name TEXT PRIMARY KEY, value BIGINT NOT NULL, text TEXT)`,
    `INSERT INTO meetcast_store (name, value) VALUES ('epoch', 1), ('meeting', 0), ('ping', 0)`,
    `CREATE TABLE meetcast_meetings (
      meeting BIGINT PRIMARY KEY,
      tenant TEXT NOT NULL,
      id TEXT NOT NULL,
      epoch TEXT NOT NULL,
      last_seq BIGINT NOT NULL,
      last_segment BIGINT NOT NULL,
      title TEXT,
      started_at TEXT,
      ended_at TEXT,
      languages TEXT NOT NULL,
      sources TEXT NOT NULL,
      UNIQUE (tenant, id)
    )`,
    `CREATE INDEX meetcast_meetings_newest ON meetcast_meetings (tenant, meeting)`,
    `CREATE TABLE meetcast_entries (
      meeting BIGINT NOT NULL,
      seq BIGINT NOT NULL,
      type TEXT NOT NULL,
      segment_no BIGINT,
      source TEXT,
      speaker TEXT,
      start_ms DOUBLE PRECISION,
      end_ms DOUBLE PRECISION,
      stands BIGINT NOT NULL,
      event TEXT NOT NULL,
      raw TEXT,
      PRIMARY KEY (meeting, seq)
    )`,
    `CREATE UNIQUE INDEX meetcast_entries_segment ON meetcast_entries (meeting, segment_no)`,
    `CREATE TABLE meetcast_coverage (
      meeting BIGINT NOT NULL,
      source TEXT NOT NULL,
      fence BIGINT NOT NULL,
      covered_ms BIGINT NOT NULL,
      PRIMARY KEY (meeting, source)
    )`,
    `CREATE TABLE meetcast_terms (
      tenant TEXT NOT NULL,
      term TEXT NOT NULL,
      meeting BIGINT NOT NULL,
      seq BIGINT NOT NULL,
      PRIMARY KEY (tenant, term, meeting, seq)
    )`,
    `CREATE INDEX meetcast_terms_entry ON meetcast_terms (meeting, seq)`,
  ],
  [
    // Who sent the source last, and from where on nobody else has.
    `ALTER TABLE meetcast_coverage ADD COLUMN session TEXT`,
    `ALTER TABLE meetcast_coverage ADD COLUMN session_from_ms BIGINT`,
  ],
  [
    // What was taken back holds for what comes later: every final is held against it.
    `CREATE INDEX meetcast_entries_retractions ON meetcast_entries (meeting)
      WHERE type = 'retract' AND segment_no IS NULL`,
  ],
];
