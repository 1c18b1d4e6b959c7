import BuildGraph
package import Diagnostics
package import Ports

/// Looking through all rows, and forgetting those that are not what was written.
extension SQLiteStore {
  package func damage() throws(SystemError) -> [RowDamage] {
    do throws(SystemError) {
      var found: [RowDamage] = []
      let check = try database.prepare("PRAGMA integrity_check(20)")
      try database.eachRow(of: check) { row in
        if let line = row.text(0), line != "ok" { found.append(RowDamage(.database, line)) }
      }
      guard found.isEmpty else { return found }
      try examineRows(&found)
      try examineGraphs(&found)
      return found
    } catch {
      guard error.code == .damaged else { throw error }
      return [RowDamage(.database, error.message)]
    }
  }

  private func examineRows(_ found: inout [RowDamage]) throws(SystemError) {
    try database.eachRow("SELECT root, path, value FROM source ORDER BY root, path") { row in
      let path = Path(root: RootID(index: UInt16(truncatingIfNeeded: row.integer(0))), ByteString(bytes: row.bytes(1)))
      if Observation(sealed: row.bytes(2), seed: Self.seed(of: path)) == nil {
        found.append(Self.broken(.source(path), "what is known of the input '\(path.bytes.display)'"))
      }
    }
    try examine("SELECT key, value FROM result ORDER BY key", &found) { key, bytes in
      StepResult(sealed: bytes, seed: RowSeal.seed(.result, key)) == nil
        ? Self.broken(.result(key), "the result \(key)") : nil
    }
    try examine("SELECT key, value FROM derivation ORDER BY key", &found) { key, bytes in
      Derivation(sealed: bytes, seed: RowSeal.seed(.derivation, key)) == nil
        ? Self.broken(.derivation(key), "the derivation \(key)") : nil
    }
    try examine("SELECT key, value FROM variant ORDER BY key", &found) { key, bytes in
      Variant(sealed: bytes, seed: RowSeal.seed(.variant, key)) == nil
        ? Self.broken(.variant(key), "what is known of the variants of \(key)") : nil
    }
    try examine("SELECT key, value FROM trace ORDER BY key", &found) { key, bytes in
      RowSeal.open(bytes, seed: RowSeal.seed(.trace, key)) == nil ? Self.broken(.trace(key), "the trace \(key)") : nil
    }
    try examine("SELECT key, value FROM readSet ORDER BY key, number", &found) { key, bytes in
      ReadSet(sealed: bytes, seed: RowSeal.seed(.readSet, key)) == nil
        ? Self.broken(.readSet(key), "the read set \(key)") : nil
    }
    try database.eachRow("SELECT number, key, value FROM run ORDER BY number") { row in
      let number = row.integer(0)
      if let key = row.digest(1), RunDetails(sealed: row.bytes(2), seed: RowSeal.seed(.run, key)) != nil { return }
      found.append(Self.broken(.run(RunID(number: number)), "the record of run \(number)"))
    }
    try database.eachRow("SELECT path, value FROM output ORDER BY path") { row in
      let key = ByteString(bytes: row.bytes(0))
      guard Ownership(sealed: row.bytes(1), seed: RowSeal.seed(.output, key)) == nil else { return }
      found.append(Self.broken(.output(key), "what is known of the output \(OutputKeys.display(key))"))
    }
    try database.eachRow("SELECT path, value FROM intent ORDER BY path") { row in
      let key = ByteString(bytes: row.bytes(0))
      guard Promise(sealed: row.bytes(1), seed: RowSeal.seed(.intent, key)) == nil else { return }
      found.append(Self.broken(.intent(key), "the intent for \(OutputKeys.display(key))"))
    }
  }

  private static func broken(_ row: RowDamage.Row, _ what: String) -> RowDamage {
    RowDamage(row, "\(what) is not what was written")
  }

  private func examine(
    _ sql: StaticString, _ found: inout [RowDamage], _ damage: (Digest, [UInt8]) -> RowDamage?
  ) throws(SystemError) {
    try database.eachRow(sql) { row in
      guard let key = row.digest(0), let damage = damage(key, row.bytes(1)) else { return }
      if found.last != damage { found.append(damage) }
    }
  }

  private func examineGraphs(_ found: inout [RowDamage]) throws(SystemError) {
    var graphs: [Int64: Digest] = [:]
    try database.eachRow("SELECT id, key FROM graph") { row in graphs[row.integer(0)] = row.digest(1) }
    var broken: Set<Digest> = []
    var lost = 0
    try database.eachRow("SELECT id, value FROM graphPage ORDER BY id") { row in
      guard let key = graphs[row.integer(0) >> 36] else {
        lost += 1
        return
      }
      if !Self.isSound(page: row.integer(0), row.bytes(1), of: key) { broken.insert(key) }
    }
    for key in broken.sorted() { found.append(Self.broken(.graph(key), "the graph \(key)")) }
    if lost > 0 { found.append(RowDamage(.database, "\(lost) pages belong to no graph")) }
  }

  package func repair(_ damage: [RowDamage]) throws(SystemError) {
    guard !damage.isEmpty else { return }
    if let whole = damage.first(where: { $0.row == .database }) {
      try markOpen()
      return try rebuild(
        because: SystemError(
          .damaged, "cannot use the state '\(path.display)': it is damaged (\(whole.message))"))
    }
    var removal = StateRemoval()
    for damage in damage {
      switch damage.row {
      case .result(let key): removal.results.append(key)
      case .derivation(let key): removal.derivations.append(key)
      case .variant(let key):
        // What it kept apart is not known any more.
        removal.variants.append(key)
        removal.derivations = try allDerivations().map(\.key)
      case .trace(let key): removal.traces.append(key)
      case .readSet(let key): removal.readSets.append(key)
      case .run(let run): removal.runs.append(run)
      case .graph(let key): removal.graphs.append(key)
      // Outputs that are as they would be written are taken over by the next build.
      case .output(let key): removal.outputs.append(key)
      case .intent(let key): removal.intents.append(key)
      case .source, .database: continue
      }
    }
    let changes = damage.compactMap { damage -> StoreChange? in
      switch damage.row {
      case .source(let path): .removeSource(path)
      case .result, .derivation, .variant, .trace, .readSet, .run, .output, .intent, .graph, .database: nil
      }
    }
    try commit(changes)
    try remove(removal)
  }
}
