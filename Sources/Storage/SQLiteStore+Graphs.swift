package import BuildGraph
package import Diagnostics
package import Ports

/// Graphs, page by page. See <doc:StoreFormat>, "Graphs".
extension SQLiteStore {
  /// The row of a page: the graph's id in the upper bits, then 4 bits of section and 32 of number.
  private static func pageID(_ graph: Int64, _ page: GraphPage) -> Int64 {
    graph << 36 | Int64(page.section.rawValue) << 32 | Int64(page.number)
  }

  /// The rows of all pages of a graph.
  private static func pageIDs(_ graph: Int64) -> (first: Int64, last: Int64) {
    (graph << 36, graph << 36 | (1 << 36 - 1))
  }

  /// Seals do not name the graph's id, which says nothing, but its key.
  private static func seed(_ key: Digest, _ page: GraphPage) -> UInt64 {
    RowSeal.seed(.graphPage, key, number: pageID(0, page))
  }

  /// - Parameter id: of the row.
  static func isSound(page id: Int64, _ sealed: [UInt8], of key: Digest) -> Bool {
    RowSeal.open(sealed, seed: RowSeal.seed(.graphPage, key, number: id & (1 << 36 - 1))) != nil
  }

  private func graphID(of key: Digest) throws(SystemError) -> Int64? {
    let statement = try database.prepare("SELECT id FROM graph WHERE key = ?1")
    statement.bind(key, at: 1)
    defer { statement.reset() }
    return try statement.step() ? statement.integer(0) : nil
  }

  package func graphKeys() throws(SystemError) -> [Digest] {
    try recovering { () throws(SystemError) in
      var keys: [Digest] = []
      try database.eachRow("SELECT key FROM graph ORDER BY used DESC, id") { row throws(SystemError) in
        guard let key = row.digest(0) else { throw nonsense("graph") }
        keys.append(key)
      }
      return keys
    }
  }

  package func graphPages(of key: Digest, _ pages: [GraphPage]) throws(SystemError) -> [GraphPage: [UInt8]] {
    try recovering { () throws(SystemError) in
      var found: [GraphPage: [UInt8]] = [:]
      found.reserveCapacity(pages.count)
      try database.reading { () throws(SystemError) in
        guard let graph = try graphID(of: key) else { return }
        let statement = try database.prepare("SELECT value FROM graphPage WHERE id = ?1")
        defer { statement.reset() }
        for page in pages {
          statement.bind(Self.pageID(graph, page), at: 1)
          if try statement.step() {
            let bytes = statement.bytes(0)
            guard RowSeal.open(bytes, seed: Self.seed(key, page)) != nil else { throw nonsense("graph") }
            found[page] = bytes.dropLast(8)
          }
          statement.reset()
        }
      }
      return found
    }
  }

  // MARK: - Changes

  package func saveGraph(
    key: Digest, _ body: (GraphPageWriter) throws(SystemError) -> Void
  ) throws(SystemError) {
    try commit { generation throws(SystemError) in try set(graph: key, generation: generation, body) }
  }

  func set(graph pages: [GraphPage: [UInt8]], for key: Digest, generation: Int64) throws(SystemError) {
    try set(graph: key, generation: generation) { write throws(SystemError) in
      for page in pages.keys.sorted() { try write(page, pages[page]!) }
    }
  }

  /// Writes the pages that are not there as they are given, and removes those that are not given.
  private func set(
    graph key: Digest, generation: Int64, _ body: (GraphPageWriter) throws(SystemError) -> Void
  ) throws(SystemError) {
    let id: Int64
    if let known = try graphID(of: key) {
      id = known
      try touch(id, generation)
    } else {
      id = try database.integer("SELECT coalesce(max(id), 0) + 1 FROM graph")
      let statement = try database.prepare(
        "INSERT INTO graph (id, key, used, build) VALUES (?1, ?2, ?3, (SELECT nextBuild - 1 FROM state))")
      statement.bind(id, at: 1)
      statement.bind(key, at: 2)
      statement.bind(generation, at: 3)
      try statement.run()
      try forgetGraphs()
    }
    var known = try seals(of: id)
    let statement = try database.prepare("INSERT OR REPLACE INTO graphPage VALUES (?1, ?2)")
    try body { page, bytes throws(SystemError) in
      let sealed = RowSeal.seal(bytes, seed: Self.seed(key, page))
      let row = Self.pageID(id, page)
      let old = known.removeValue(forKey: row)
      if let old, old.elementsEqual(sealed.suffix(8)) { return }
      if old != nil { try retire(row, replacedBy: bytes, after: previousBuild()) }
      statement.bind(row, at: 1)
      statement.bind(sealed, at: 2)
      try statement.run()
    }
    try remove(pages: known.keys.sorted())
  }

  func update(graph pages: [GraphPage: [UInt8]], for key: Digest, generation: Int64) throws(SystemError) {
    // Somebody may have begun a new state meanwhile: then there is nothing to update.
    guard let id = try graphID(of: key) else { return }
    try touch(id, generation)
    let statement = try database.prepare("INSERT OR REPLACE INTO graphPage VALUES (?1, ?2)")
    for page in pages.keys.sorted() {
      try retire(Self.pageID(id, page), replacedBy: pages[page], after: previousBuild())
      statement.bind(Self.pageID(id, page), at: 1)
      statement.bind(RowSeal.seal(pages[page]!, seed: Self.seed(key, page)), at: 2)
      try statement.run()
    }
  }

  func remove(graph key: Digest) throws(SystemError) {
    guard let id = try graphID(of: key) else { return }
    try remove(graph: id)
  }

  private func remove(graph id: Int64) throws(SystemError) {
    let (first, last) = Self.pageIDs(id)
    let build = try lastBuild(of: id)
    for row in try seals(of: id).keys.sorted() { try retire(row, replacedBy: nil, after: build) }
    let pages = try database.prepare("DELETE FROM graphPage WHERE id BETWEEN ?1 AND ?2")
    pages.bind(first, at: 1)
    pages.bind(last, at: 2)
    try pages.run()
    let graph = try database.prepare("DELETE FROM graph WHERE id = ?1")
    graph.bind(id, at: 1)
    try graph.run()
  }

  private func touch(_ id: Int64, _ generation: Int64) throws(SystemError) {
    let statement = try database.prepare(
      "UPDATE graph SET used = ?2, build = (SELECT nextBuild - 1 FROM state) WHERE id = ?1")
    statement.bind(id, at: 1)
    statement.bind(generation, at: 2)
    try statement.run()
  }

  /// The checksums of the pages that are there, by row: enough to tell which are new.
  private func seals(of id: Int64) throws(SystemError) -> [Int64: [UInt8]] {
    let (first, last) = Self.pageIDs(id)
    let statement = try database.prepare("SELECT id, substr(value, -8) FROM graphPage WHERE id BETWEEN ?1 AND ?2")
    statement.bind(first, at: 1)
    statement.bind(last, at: 2)
    var seals: [Int64: [UInt8]] = [:]
    try database.eachRow(of: statement) { row in seals[row.integer(0)] = row.bytes(1) }
    return seals
  }

  private func remove(pages rows: [Int64]) throws(SystemError) {
    let statement = try database.prepare("DELETE FROM graphPage WHERE id = ?1")
    for row in rows {
      try retire(row, replacedBy: nil, after: previousBuild())
      statement.bind(row, at: 1)
      try statement.run()
    }
  }

  // MARK: - Last uses

  /// The keys of the results that the steps of a page rest on; empty where it is no page of their states.
  static func keys(inStates page: [UInt8]) -> Set<Digest> {
    guard let list = ListPage(page) else { return [] }
    var keys: Set<Digest> = []
    for index in 0..<list.count {
      switch list.value(at: index, { NodeState(decoding: &$0) }) {
      case .made(let made)?: keys.insert(made.contentKey)
      case .keyed(let key)?: keys.insert(key)
      case .known?, .stale?, .unwanted?, nil: continue
      }
    }
    return keys
  }

  /// The build that is under way does not need what its graph does not name any more; the one before it may have, whatever graph
  /// that was about.
  private func previousBuild() throws(SystemError) -> Int64 { try database.integer("SELECT nextBuild - 2 FROM state") }

  private func lastBuild(of graph: Int64) throws(SystemError) -> Int64 {
    let statement = try database.prepare("SELECT build FROM graph WHERE id = ?1")
    statement.bind(graph, at: 1)
    defer { statement.reset() }
    return try statement.step() ? statement.integer(0) : 0
  }

  /// Before a page is replaced or removed: notes that the results which it names and the new one does not were needed until some
  /// build, so that pruning can keep what the last builds needed.
  ///
  /// - Complexity: one row for each step of the page that is no longer as it was.
  private func retire(_ row: Int64, replacedBy new: [UInt8]?, after build: Int64) throws(SystemError) {
    guard row >> 32 & 15 == Int64(GraphSection.stepStates.rawValue) else { return }
    let old = try database.prepare("SELECT value FROM graphPage WHERE id = ?1")
    old.bind(row, at: 1)
    defer { old.reset() }
    guard try old.step() else { return }
    let keys = Self.keys(inStates: old.bytes(0).dropLast(8)).subtracting(new.map(Self.keys(inStates:)) ?? [])
    let statement = try database.prepare(
      """
      INSERT INTO lastUse VALUES (?1, ?2) ON CONFLICT DO UPDATE SET build = excluded.build WHERE excluded.build > build
      """)
    statement.bind(build, at: 2)
    for key in keys.sorted() {
      statement.bind(key, at: 1)
      try statement.run()
    }
  }

  /// Forgets the least recently saved graphs beyond the limit.
  private func forgetGraphs() throws(SystemError) {
    var old: [Int64] = []
    let statement = try database.prepare("SELECT id FROM graph ORDER BY used DESC, id DESC LIMIT -1 OFFSET ?1")
    statement.bind(options.keptGraphs, at: 1)
    try database.eachRow(of: statement) { row in old.append(row.integer(0)) }
    for id in old { try remove(graph: id) }
  }
}
