/// The tables of `.reflow/reflow.db` and the history of their versions. See <doc:StoreFormat>.
///
/// Values are sealed bytes (see ``RowSeal``); what is looked up or ordered by is a column of its own.
enum StoreSchema {
  /// `Rflw`, in the header of the file.
  static let applicationID: Int64 = 0x5266_6C77

  /// Element n turns version n into version n + 1. Versions: 1, the first; 2, graphs in pages; 3, last uses; 5, histories; 6, variants.
  static let migrations: [String] = [
    """
    CREATE TABLE state (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      workspace BLOB NOT NULL CHECK (length(workspace) = 16),
      generation INTEGER NOT NULL CHECK (generation >= 0),
      nextRun INTEGER NOT NULL CHECK (nextRun > 0),
      nextBuild INTEGER NOT NULL CHECK (nextBuild > 0)
    ) STRICT;
    CREATE TABLE source (
      root INTEGER NOT NULL CHECK (root BETWEEN 0 AND 65535),
      path BLOB NOT NULL,
      value BLOB NOT NULL CHECK (length(value) > 8),
      PRIMARY KEY (root, path)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE result (
      key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 16),
      value BLOB NOT NULL CHECK (length(value) > 8)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE derivation (
      key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 16),
      value BLOB NOT NULL CHECK (length(value) > 8)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE trace (
      key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 16),
      value BLOB NOT NULL CHECK (length(value) >= 8)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE readSet (
      key BLOB NOT NULL CHECK (length(key) = 16),
      number INTEGER NOT NULL CHECK (number > 0),
      value BLOB NOT NULL CHECK (length(value) > 8),
      PRIMARY KEY (key, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE run (
      number INTEGER PRIMARY KEY CHECK (number > 0),
      build INTEGER NOT NULL,
      label TEXT NOT NULL,
      key BLOB NOT NULL CHECK (length(key) = 16),
      startedAt REAL NOT NULL,
      value BLOB NOT NULL CHECK (length(value) > 8)
    ) STRICT;
    CREATE INDEX runByLabel ON run (label, number);
    CREATE TABLE output (
      path BLOB NOT NULL PRIMARY KEY CHECK (length(path) > 0),
      value BLOB NOT NULL CHECK (length(value) > 8)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE intent (
      path BLOB NOT NULL PRIMARY KEY CHECK (length(path) > 0),
      value BLOB NOT NULL CHECK (length(value) > 8)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE build (
      number INTEGER PRIMARY KEY CHECK (number > 0),
      program BLOB NOT NULL,
      startedAt REAL NOT NULL,
      summary TEXT,
      succeeded INTEGER CHECK (succeeded IN (0, 1)),
      CHECK ((summary IS NULL) = (succeeded IS NULL))
    ) STRICT;
    CREATE TABLE graph (
      key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 16),
      used INTEGER NOT NULL,
      digest BLOB NOT NULL CHECK (length(digest) = 16),
      bytes BLOB NOT NULL
    ) STRICT;
    CREATE INDEX graphByUse ON graph (used);
    """,
    // The id of a page is made of its graph's, its section and its number: see `SQLiteStore.pageID`.
    """
    DROP TABLE graph;
    CREATE TABLE graph (
      id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 1000000),
      key BLOB NOT NULL UNIQUE CHECK (length(key) = 16),
      used INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE graphPage (
      id INTEGER PRIMARY KEY,
      value BLOB NOT NULL CHECK (length(value) >= 8)
    ) STRICT;
    """,
    // What pruning goes by: `lastUse` has the content and derivation keys that have left a graph.
    """
    ALTER TABLE graph ADD COLUMN build INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE lastUse (
      key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 16),
      build INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE narrowing (
      key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 16),
      declared BLOB NOT NULL CHECK (length(declared) = 16)
    ) STRICT, WITHOUT ROWID;
    """,
    // Nanoseconds since 1970 of the last commit: a clock that shows less has been set back.
    """
    ALTER TABLE state ADD COLUMN committedAt INTEGER NOT NULL DEFAULT 0;
    """,
    // What the latest runs of each kind of step took.
    """
    CREATE TABLE history (
      kind TEXT NOT NULL PRIMARY KEY,
      value BLOB NOT NULL CHECK (length(value) > 8)
    ) STRICT, WITHOUT ROWID;
    """,
    // What steps made last that make something else in some runs.
    """
    CREATE TABLE variant (
      key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 16),
      value BLOB NOT NULL CHECK (length(value) > 8)
    ) STRICT, WITHOUT ROWID;
    """,
    // Outputs and intents of trees other than the default one have keys that name their tree: see `OutputKeys`. What is there stays.
    "",
  ]

  static var version: Int64 { Int64(migrations.count) }
}
