package import BuildGraph
package import Diagnostics
package import Ports

extension Database {
  /// Calls `body` for each row.
  ///
  /// - Returns: how many there were.
  @discardableResult
  func eachRow(
    _ sql: StaticString, _ body: (Statement) throws(SystemError) -> Void
  ) throws(SystemError) -> Int {
    try eachRow(of: try prepare(sql), body)
  }

  /// The same for a statement whose parameters are bound.
  @discardableResult
  func eachRow(
    of statement: Statement, _ body: (Statement) throws(SystemError) -> Void
  ) throws(SystemError) -> Int {
    defer { statement.reset() }
    var count = 0
    while try statement.step() {
      try body(statement)
      count += 1
    }
    return count
  }
}

extension SQLiteStore {
  package func sources() throws(SystemError) -> [Path: Observation] {
    try recovering { () throws(SystemError) in
      var result: [Path: Observation] = [:]
      result.reserveCapacity(Int(try database.integer("SELECT count(*) FROM source")))
      try database.eachRow("SELECT root, path, value FROM source") { row throws(SystemError) in
        let path = Path(
          root: RootID(index: UInt16(truncatingIfNeeded: row.integer(0))), ByteString(bytes: row.bytes(1)))
        guard let value = Observation(sealed: row.bytes(2), seed: Self.seed(of: path)) else { throw nonsense("source") }
        result[path] = value
      }
      return result
    }
  }

  package func sources(at paths: [Path], below folders: [Path]) throws(SystemError) -> [Path: Observation] {
    try recovering { () throws(SystemError) in
      var result: [Path: Observation] = [:]
      let one = try database.prepare("SELECT value FROM source WHERE root = ?1 AND path = ?2")
      let below = try database.prepare(
        "SELECT path, value FROM source WHERE root = ?1 AND path >= ?2 AND path < ?3 ORDER BY path")
      func take(_ path: Path, _ bytes: [UInt8]) throws(SystemError) {
        guard let value = Observation(sealed: bytes, seed: Self.seed(of: path)) else { throw nonsense("source") }
        result[path] = value
      }
      try database.reading { () throws(SystemError) in
        for path in paths {
          one.bind(Int64(path.root.index), at: 1)
          one.bind(path.bytes, at: 2)
          try database.eachRow(of: one) { row throws(SystemError) in try take(path, row.bytes(0)) }
        }
        for folder in folders {
          let (first, end) = KeyBounds.below(folder.bytes)
          below.bind(Int64(folder.root.index), at: 1)
          below.bind(first, at: 2)
          below.bind(end, at: 3)
          try database.eachRow(of: below) { row throws(SystemError) in
            try take(Path(root: folder.root, ByteString(bytes: row.bytes(0))), row.bytes(1))
          }
        }
      }
      return result
    }
  }

  package func outputs(atOrBelow paths: [ByteString]) throws(SystemError) -> [OwnedOutput] {
    try recovering { () throws(SystemError) in
      var result: [ByteString: OwnedOutput] = [:]
      let statement = try database.prepare(
        "SELECT path, value FROM output WHERE path = ?1 OR (path >= ?2 AND path < ?3)")
      try database.reading { () throws(SystemError) in
        for path in paths {
          let (first, end) = keys.bounds(below: path)
          statement.bind(keys.key(of: path), at: 1)
          statement.bind(first, at: 2)
          statement.bind(end, at: 3)
          try database.eachRow(of: statement) { row throws(SystemError) in
            let output = try output(in: row)
            result[output.path] = output
          }
        }
      }
      return result.keys.sorted().compactMap { result[$0] }
    }
  }

  package func results(for contentKeys: [Digest]) throws(SystemError) -> [Digest: StepResult] {
    try values(
      for: contentKeys, count: "SELECT count(*) FROM result", one: "SELECT value FROM result WHERE key = ?1",
      all: "SELECT key, value FROM result ORDER BY key"
    ) { StepResult(sealed: $1, seed: RowSeal.seed(.result, $0)) }
  }

  package func derivations(for keys: [Digest]) throws(SystemError) -> [Digest: Derivation] {
    try values(
      for: keys, count: "SELECT count(*) FROM derivation", one: "SELECT value FROM derivation WHERE key = ?1",
      all: "SELECT key, value FROM derivation ORDER BY key"
    ) { Derivation(sealed: $1, seed: RowSeal.seed(.derivation, $0)) }
  }

  package func variants() throws(SystemError) -> [Digest: Variant] {
    try recovering { () throws(SystemError) in
      var found: [Digest: Variant] = [:]
      try database.eachRow("SELECT key, value FROM variant") { row throws(SystemError) in
        guard let key = row.digest(0), let value = Variant(sealed: row.bytes(1), seed: RowSeal.seed(.variant, key))
        else { throw nonsense("variant") }
        found[key] = value
      }
      return found
    }
  }

  package func derivationKeys() throws(SystemError) -> [Digest: [Digest]] {
    Dictionary(grouping: try allDerivations(), by: \.contentKey).mapValues { $0.map(\.key) }
  }

  package func traces(for identities: [Digest]) throws(SystemError) -> [Digest: [UInt8]] {
    try values(
      for: identities, count: "SELECT count(*) FROM trace", one: "SELECT value FROM trace WHERE key = ?1",
      all: "SELECT key, value FROM trace ORDER BY key"
    ) { RowSeal.open($1, seed: RowSeal.seed(.trace, $0)) == nil ? nil : $1.dropLast(8) }
  }

  /// Above this many keys, and where they are a good part of the table, reading it in order beats looking each one up.
  private static let keysWorthCounting = 2_000

  /// The values of many keys.
  ///
  /// - Complexity: about 2 µs a key; for many keys about 0.7 µs a row of the table. See <doc:StoreFormat>, "Figures".
  private func values<Value>(
    for keys: [Digest], count: StaticString, one: StaticString, all: StaticString,
    decode: (Digest, [UInt8]) -> Value?
  ) throws(SystemError) -> [Digest: Value] {
    try recovering { () throws(SystemError) in
      var found: [Digest: Value] = [:]
      found.reserveCapacity(keys.count)
      // Ascending, so that neighbours are found on one page.
      let keys = keys.count > 1 ? keys.sorted() : keys
      if keys.count >= Self.keysWorthCounting, try database.integer(count) < 4 * Int64(keys.count) {
        var index = 0
        try database.eachRow(all) { row throws(SystemError) in
          guard let key = row.digest(0) else { throw nonsense("key") }
          while index < keys.count, keys[index] < key { index += 1 }
          guard index < keys.count, keys[index] == key else { return }
          guard let value = decode(key, row.bytes(1)) else { throw nonsense("value") }
          found[key] = value
        }
        return found
      }
      let statement = try database.prepare(one)
      // One read transaction: each statement of its own would lock and unlock the file.
      try database.reading { () throws(SystemError) in
        defer { statement.reset() }
        for key in keys {
          statement.bind(key, at: 1)
          if try statement.step() {
            guard let value = decode(key, statement.bytes(0)) else { throw nonsense("value") }
            found[key] = value
          }
          statement.reset()
        }
      }
      return found
    }
  }

  package func readSets(for declaredKey: Digest) throws(SystemError) -> [ReadSet] {
    try recovering { () throws(SystemError) in try numberedReadSets(for: declaredKey).map(\.set) }
  }

  /// The newest first.
  func numberedReadSets(for key: Digest) throws(SystemError) -> [(number: Int64, set: ReadSet)] {
    let statement = try database.prepare("SELECT number, value FROM readSet WHERE key = ?1 ORDER BY number DESC")
    statement.bind(key, at: 1)
    var result: [(number: Int64, set: ReadSet)] = []
    try database.eachRow(of: statement) { row throws(SystemError) in
      guard let set = ReadSet(sealed: row.bytes(1), seed: RowSeal.seed(.readSet, key)) else {
        throw nonsense("read set")
      }
      result.append((row.integer(0), set))
    }
    return result
  }

  package func outputs() throws(SystemError) -> [OwnedOutput] {
    try recovering { () throws(SystemError) in
      let statement = try database.prepare(
        "SELECT path, value FROM output WHERE path >= ?1 AND path < ?2 ORDER BY path")
      bind(keys.bounds, of: statement)
      var result: [OwnedOutput] = []
      try database.eachRow(of: statement) { row throws(SystemError) in result.append(try output(in: row)) }
      return result
    }
  }

  private func bind(_ bounds: (first: ByteString, end: ByteString), of statement: Statement) {
    statement.bind(bounds.first, at: 1)
    statement.bind(bounds.end, at: 2)
  }

  private func output(in row: Statement) throws(SystemError) -> OwnedOutput {
    let (key, value) = try ownership(in: row)
    return value.output(at: keys.path(of: key))
  }

  /// Of an output of any tree: a row of its key and its value.
  func ownership(in row: Statement) throws(SystemError) -> (key: ByteString, value: Ownership) {
    let key = ByteString(bytes: row.bytes(0))
    guard let value = Ownership(sealed: row.bytes(1), seed: RowSeal.seed(.output, key)) else {
      throw nonsense("output")
    }
    return (key, value)
  }

  /// Of an intent for any tree: a row of its key and its value.
  func promise(in row: Statement) throws(SystemError) -> (key: ByteString, value: Promise) {
    let key = ByteString(bytes: row.bytes(0))
    guard let value = Promise(sealed: row.bytes(1), seed: RowSeal.seed(.intent, key)) else {
      throw nonsense("intent")
    }
    return (key, value)
  }

  package func intents() throws(SystemError) -> [Intent] {
    try recovering { () throws(SystemError) in
      let statement = try database.prepare(
        "SELECT path, value FROM intent WHERE path >= ?1 AND path < ?2 ORDER BY path")
      bind(keys.bounds, of: statement)
      var result: [Intent] = []
      try database.eachRow(of: statement) { row throws(SystemError) in
        let (key, value) = try promise(in: row)
        result.append(value.intent(at: keys.path(of: key)))
      }
      return result
    }
  }

  /// The newest first.
  package func runs(labelled label: String?, limit: Int) throws(SystemError) -> [RunRecord] {
    try recovering { () throws(SystemError) in
      let statement: Statement
      if let label {
        statement = try database.prepare(
          "SELECT number, build, label, key, startedAt, value FROM run WHERE label = ?2 ORDER BY number DESC LIMIT ?1")
        statement.bind(label, at: 2)
      } else {
        statement = try database.prepare(
          "SELECT number, build, label, key, startedAt, value FROM run ORDER BY number DESC LIMIT ?1")
      }
      statement.bind(Int64(limit), at: 1)
      var result: [RunRecord] = []
      try database.eachRow(of: statement) { row throws(SystemError) in
        guard let label = row.text(2), let key = row.digest(3),
          let details = RunDetails(sealed: row.bytes(5), seed: RowSeal.seed(.run, key))
        else { throw nonsense("run") }
        result.append(
          RunRecord(
            run: RunID(number: row.integer(0)), build: row.integer(1), contentKey: key, label: label,
            command: details.command, reason: details.reason, ending: details.ending, usage: details.usage,
            startedAt: row.double(4), node: details.node, plan: details.plan))
      }
      return result
    }
  }

  package func builds(limit: Int) throws(SystemError) -> [BuildRecord] {
    try recovering { () throws(SystemError) in
      let statement = try database.prepare(
        "SELECT number, program, startedAt, summary FROM build ORDER BY number DESC LIMIT ?1")
      statement.bind(Int64(limit), at: 1)
      var result: [BuildRecord] = []
      try database.eachRow(of: statement) { row throws(SystemError) in
        result.append(
          BuildRecord(
            number: row.integer(0), program: ByteString(bytes: row.bytes(1)), startedAt: row.double(2),
            summary: row.text(3).flatMap { BuildEvent.Summary(line: $0) }))
      }
      return result
    }
  }

  func nonsense(_ what: String) -> SystemError {
    SystemError(.damaged, "cannot use the state '\(path.display)': it is damaged (a \(what) is not what was written)")
  }
}
