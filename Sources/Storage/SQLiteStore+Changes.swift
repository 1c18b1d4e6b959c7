import BuildGraph
import Diagnostics
import Ports

extension SQLiteStore {
  /// Makes one change within the transaction.
  func apply(_ change: StoreChange, generation: Int64) throws(SystemError) {
    switch change {
    case .setSource(let path, let observation):
      let statement = try database.prepare("INSERT OR REPLACE INTO source VALUES (?1, ?2, ?3)")
      statement.bind(Int64(path.root.index), at: 1)
      statement.bind(path.bytes, at: 2)
      statement.bind(observation.sealed(Self.seed(of: path)), at: 3)
      try statement.run()
    case .removeSource(let path):
      let statement = try database.prepare("DELETE FROM source WHERE root = ?1 AND path = ?2")
      statement.bind(Int64(path.root.index), at: 1)
      statement.bind(path.bytes, at: 2)
      try statement.run()
    case .setResult(let key, let result):
      try set("INSERT OR REPLACE INTO result VALUES (?1, ?2)", key, result.sealed(RowSeal.seed(.result, key)))
    case .removeResult(let key):
      let statement = try database.prepare("DELETE FROM result WHERE key = ?1")
      statement.bind(key, at: 1)
      try statement.run()
    case .setDerivation(let key, let derivation):
      try set(
        "INSERT OR REPLACE INTO derivation VALUES (?1, ?2)", key, derivation.sealed(RowSeal.seed(.derivation, key)))
    case .setVariant(let key, let variant):
      try set("INSERT OR REPLACE INTO variant VALUES (?1, ?2)", key, variant.sealed(RowSeal.seed(.variant, key)))
    case .addReadSet(let key, let readSet): try add(readSet, for: key)
    case .setDeclaredKey(let declared, let key):
      let statement = try database.prepare("INSERT OR REPLACE INTO narrowing VALUES (?1, ?2)")
      statement.bind(key, at: 1)
      statement.bind(declared, at: 2)
      try statement.run()
    case .setTrace(let identity, let bytes):
      let sealed = RowSeal.seal(bytes, seed: RowSeal.seed(.trace, identity))
      try set("INSERT OR REPLACE INTO trace VALUES (?1, ?2)", identity, sealed)
    case .addRun(let record):
      let statement = try database.prepare("INSERT OR REPLACE INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
      statement.bind(record.run.number, at: 1)
      statement.bind(record.build, at: 2)
      statement.bind(record.label, at: 3)
      statement.bind(record.contentKey, at: 4)
      statement.bind(record.startedAt, at: 5)
      statement.bind(RunDetails(record).sealed(RowSeal.seed(.run, record.contentKey)), at: 6)
      try statement.run()
    case .setHistory(let kind, let history): try setHistory(history, of: kind)
    case .setOutput(let output):
      let key = keys.key(of: output.path)
      try set(
        "INSERT OR REPLACE INTO output VALUES (?1, ?2)", key, Ownership(output).sealed(RowSeal.seed(.output, key)))
    case .removeOutput(let path):
      let statement = try database.prepare("DELETE FROM output WHERE path = ?1")
      statement.bind(keys.key(of: path), at: 1)
      try statement.run()
    case .setIntents(let intents):
      for intent in intents {
        let key = keys.key(of: intent.path)
        try set(
          "INSERT OR REPLACE INTO intent VALUES (?1, ?2)", key, Promise(intent).sealed(RowSeal.seed(.intent, key)))
      }
    case .removeIntents(let paths):
      let statement = try database.prepare("DELETE FROM intent WHERE path = ?1")
      for path in paths {
        statement.bind(keys.key(of: path), at: 1)
        try statement.run()
      }
    case .beginBuild(let number, let program, let startedAt):
      let statement = try database.prepare("INSERT OR REPLACE INTO build VALUES (?1, ?2, ?3, NULL, NULL)")
      statement.bind(number, at: 1)
      statement.bind(program, at: 2)
      statement.bind(startedAt, at: 3)
      try statement.run()
      let next = try database.prepare("UPDATE state SET nextBuild = max(nextBuild, ?1)")
      next.bind(number + 1, at: 1)
      try next.run()
    case .endBuild(let number, let summary):
      let statement = try database.prepare("UPDATE build SET summary = ?2, succeeded = ?3 WHERE number = ?1")
      statement.bind(number, at: 1)
      statement.bind(summary.line, at: 2)
      statement.bind(summary.status == .succeeded ? Int64(1) : 0, at: 3)
      try statement.run()
    case .setGraph(let key, let pages): try set(graph: pages, for: key, generation: generation)
    case .updateGraph(let key, let pages): try update(graph: pages, for: key, generation: generation)
    case .removeGraph(let key): try remove(graph: key)
    }
  }

  private func set(_ sql: StaticString, _ key: Digest, _ value: [UInt8]) throws(SystemError) {
    let statement = try database.prepare(sql)
    statement.bind(key, at: 1)
    statement.bind(value, at: 2)
    try statement.run()
  }

  private func set(_ sql: StaticString, _ path: ByteString, _ value: [UInt8]) throws(SystemError) {
    let statement = try database.prepare(sql)
    statement.bind(path, at: 1)
    statement.bind(value, at: 2)
    try statement.run()
  }

  /// How many sets of read paths are kept for a step; engine rule 8 calls it N.
  static let keptReadSets = 8

  /// Makes a set the newest one of its step; an equal older one goes, and so do the oldest beyond ``keptReadSets``.
  private func add(_ readSet: ReadSet, for key: Digest) throws(SystemError) {
    let known = try numberedReadSets(for: key)
    let remove = try database.prepare("DELETE FROM readSet WHERE key = ?1 AND number = ?2")
    var kept = 0
    for (number, other) in known {
      if other != readSet, kept < Self.keptReadSets - 1 {
        kept += 1
        continue
      }
      remove.bind(key, at: 1)
      remove.bind(number, at: 2)
      try remove.run()
    }
    let statement = try database.prepare("INSERT INTO readSet VALUES (?1, ?2, ?3)")
    statement.bind(key, at: 1)
    statement.bind((known.first?.number ?? 0) + 1, at: 2)
    statement.bind(readSet.sealed(RowSeal.seed(.readSet, key)), at: 3)
    try statement.run()
  }

  static func seed(of path: Path) -> UInt64 { RowSeal.seed(.source, path.bytes) ^ UInt64(path.root.index) << 32 }
}
