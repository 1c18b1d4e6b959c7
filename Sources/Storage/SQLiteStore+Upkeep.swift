package import BuildGraph
package import Diagnostics
package import Ports

/// All rows, for those who shrink the state. Which go is decided elsewhere.
extension SQLiteStore: StateUpkeep {
  package func allResults() throws(SystemError) -> [(key: Digest, result: StepResult)] {
    try recovering { () throws(SystemError) in
      var rows: [(key: Digest, result: StepResult)] = []
      try database.eachRow("SELECT key, value FROM result ORDER BY key") { row throws(SystemError) in
        guard let key = row.digest(0), let result = StepResult(sealed: row.bytes(1), seed: RowSeal.seed(.result, key))
        else { throw nonsense("result") }
        rows.append((key, result))
      }
      return rows
    }
  }

  package func allDerivations() throws(SystemError) -> [(key: Digest, contentKey: Digest)] {
    try recovering { () throws(SystemError) in
      var rows: [(key: Digest, contentKey: Digest)] = []
      try database.eachRow("SELECT key, value FROM derivation ORDER BY key") { row throws(SystemError) in
        guard let key = row.digest(0),
          let value = Derivation(sealed: row.bytes(1), seed: RowSeal.seed(.derivation, key))
        else { throw nonsense("derivation") }
        rows.append((key, value.contentKey))
      }
      return rows
    }
  }

  package func allTraces() throws(SystemError) -> [(identity: Digest, bytes: [UInt8])] {
    try recovering { () throws(SystemError) in
      var rows: [(identity: Digest, bytes: [UInt8])] = []
      try database.eachRow("SELECT key, value FROM trace ORDER BY key") { row throws(SystemError) in
        let bytes = row.bytes(1)
        guard let key = row.digest(0), RowSeal.open(bytes, seed: RowSeal.seed(.trace, key)) != nil
        else { throw nonsense("trace") }
        rows.append((key, bytes.dropLast(8)))
      }
      return rows
    }
  }

  package func readSetKeys() throws(SystemError) -> [Digest] {
    try recovering { () throws(SystemError) in
      var keys: [Digest] = []
      try database.eachRow("SELECT DISTINCT key FROM readSet ORDER BY key") { row in
        if let key = row.digest(0) { keys.append(key) }
      }
      return keys
    }
  }

  package func declaredKeys() throws(SystemError) -> [Digest: Digest] {
    try recovering { () throws(SystemError) in
      var keys: [Digest: Digest] = [:]
      try database.eachRow("SELECT key, declared FROM narrowing") { row in
        if let key = row.digest(0), let declared = row.digest(1) { keys[key] = declared }
      }
      return keys
    }
  }

  package func allRuns() throws(SystemError) -> [RunStub] {
    try recovering { () throws(SystemError) in
      var runs: [RunStub] = []
      try database.eachRow("SELECT number, build, key, startedAt FROM run ORDER BY number") { row throws(SystemError) in
        guard let key = row.digest(2) else { throw nonsense("run") }
        runs.append(
          RunStub(
            run: RunID(number: row.integer(0)), build: row.integer(1), contentKey: key, startedAt: row.double(3)))
      }
      return runs
    }
  }

  package func allBuilds() throws(SystemError) -> [BuildStub] {
    try recovering { () throws(SystemError) in
      var builds: [BuildStub] = []
      try database.eachRow("SELECT number, program, startedAt, succeeded FROM build ORDER BY number") { row in
        builds.append(
          BuildStub(
            number: row.integer(0), program: ByteString(bytes: row.bytes(1)), startedAt: row.double(2),
            succeeded: row.isNull(3) ? nil : row.integer(3) == 1))
      }
      return builds
    }
  }

  package func lastUses() throws(SystemError) -> [Digest: Int64] {
    try recovering { () throws(SystemError) in
      var uses: [Digest: Int64] = [:]
      try database.eachRow("SELECT key, build FROM lastUse") { row in
        if let key = row.digest(0) { uses[key] = row.integer(1) }
      }
      return uses
    }
  }

  package func heldArtifacts() throws(SystemError) -> [Artifact] {
    try recovering { () throws(SystemError) in
      var held: [Artifact] = []
      try database.eachRow("SELECT path, value FROM output") { row throws(SystemError) in
        held.append(try ownership(in: row).value.artifact)
      }
      try database.eachRow("SELECT path, value FROM intent") { row throws(SystemError) in
        let promise = try promise(in: row).value
        held += [promise.old, promise.new].compactMap { $0 }
      }
      return held
    }
  }

  package func graphBuilds() throws(SystemError) -> [(key: Digest, build: Int64)] {
    try recovering { () throws(SystemError) in
      var graphs: [(key: Digest, build: Int64)] = []
      try database.eachRow("SELECT key, build FROM graph ORDER BY used DESC, id") { row throws(SystemError) in
        guard let key = row.digest(0) else { throw nonsense("graph") }
        graphs.append((key, row.integer(1)))
      }
      return graphs
    }
  }

  // MARK: - Removing

  package func remove(_ removal: StateRemoval) throws(SystemError) {
    try markOpen()
    let next = generation + 1
    try database.transaction { () throws(SystemError) in
      for key in removal.graphs { try remove(graph: key) }
      try delete("DELETE FROM result WHERE key = ?1", removal.results)
      try delete("DELETE FROM narrowing WHERE key = ?1", removal.results)
      try delete("DELETE FROM lastUse WHERE key = ?1", removal.results)
      try delete("DELETE FROM derivation WHERE key = ?1", removal.derivations)
      try delete("DELETE FROM lastUse WHERE key = ?1", removal.derivations)
      try delete("DELETE FROM variant WHERE key = ?1", removal.variants)
      try delete("DELETE FROM trace WHERE key = ?1", removal.traces)
      try delete("DELETE FROM readSet WHERE key = ?1", removal.readSets)
      try delete("DELETE FROM run WHERE number = ?1", removal.runs.map(\.number))
      try delete("DELETE FROM build WHERE number = ?1", removal.builds)
      try delete("DELETE FROM output WHERE path = ?1", removal.outputs)
      try delete("DELETE FROM intent WHERE path = ?1", removal.intents)
      let statement = try database.prepare("UPDATE state SET generation = ?1")
      statement.bind(next, at: 1)
      try statement.run()
    }
    generation = next
  }

  private func delete(_ sql: StaticString, _ keys: [ByteString]) throws(SystemError) {
    let statement = try database.prepare(sql)
    for key in keys {
      statement.bind(key, at: 1)
      try statement.run()
    }
  }

  private func delete(_ sql: StaticString, _ keys: [Digest]) throws(SystemError) {
    let statement = try database.prepare(sql)
    for key in keys {
      statement.bind(key, at: 1)
      try statement.run()
    }
  }

  private func delete(_ sql: StaticString, _ numbers: [Int64]) throws(SystemError) {
    let statement = try database.prepare(sql)
    for number in numbers {
      statement.bind(number, at: 1)
      try statement.run()
    }
  }

  package func shrink() throws(SystemError) {
    let free = try database.integer("PRAGMA freelist_count")
    let pages = try database.integer("PRAGMA page_count")
    // Writing the file anew costs its size twice; an eighth is worth that.
    if free * 8 >= pages, free > 0 {
      do throws(SystemError) {
        try database.execute("VACUUM")
      } catch {
        // It needs room for a second file; what is free within the first is used again in any case.
        guard error.code == .noSpace || error.code == .locked else { throw error }
      }
    }
    try database.checkpoint()
  }
}
