import BuildGraph
import Diagnostics

/// `table(source, options) ROW`, and loops.
extension Machine {
  mutating func makeSource(_ code: RelationCode.SourceCode) throws(Failure) {
    let count = 1 + code.options.count
    var pending = pendingOperands(count)
    for depth in 0..<code.options.count { pending += self.pending(in: operand(depth)) }
    guard pending.isEmpty else { return suspend(count, on: pending) }
    let options = code.options.enumerated().map { index, name in (name, operand(code.options.count - 1 - index)) }
    let source = operand(code.options.count)
    let columns = code.row.columns
    var parts: [Relation.Input] = []
    switch source {
    case .file(let file): parts = [.init(reference: file.reference, kind: .file)]
    case .dir(let dir):
      if case .assembled(let root) = dir.content {
        let pending = self.pending(in: .map(root))
        guard pending.isEmpty else { return suspend(count, on: pending) }
      }
      parts = [.init(reference: try reference(to: dir), kind: .folder)]
    case .list(let list):
      let pending = self.pending(in: source)
      guard pending.isEmpty else { return suspend(count, on: pending) }
      guard case .list(let element) = code.source.unlabelled, element.unlabelled == .file else {
        return complete(count, .value(.table(TableValue(.relation(try literal(source, columns))))))
      }
      for index in 0..<list.count {
        guard case .file(let file) = resolved(list[index]) else { preconditionFailure("the checker admits files only") }
        parts.append(.init(reference: file.reference, kind: .file))
      }
    case .unit, .bool, .int, .big, .float, .string, .fileset, .map, .tuple, .record, .table, .variant, .closure,
      .native,
      .delayed, .absent:
      preconditionFailure("the checker admits files, dirs and lists only")
    }
    let table = try fileTable(parts, columns, options)
    let known = graph
    let relation = try add(.files(table), columns) { manifest in table.write(to: &manifest, known) }
    complete(count, .value(.table(TableValue(.relation(relation)))))
  }

  private mutating func literal(_ source: Value, _ columns: [Column]) throws(Failure) -> Relation {
    guard case .list(let list) = deeplyResolved(source) else { preconditionFailure("the checker admits lists only") }
    let kinds = columns.map { (symbol: symbols.symbol($0.name), kind: $0.kind) }
    let order = list.elements.sorted { a, b in
      guard case .record(let x) = a, case .record(let y) = b else { return false }
      for (symbol, _) in kinds {
        guard let p = x[symbol], let q = y[symbol] else { return false }
        let order = Value.compareKeys(p, q)
        if order != 0 { return order < 0 }
      }
      return false
    }
    var bytes: [UInt8] = []
    for element in order {
      if let error = RowCoding.append(element, kinds, to: &bytes) {
        throw fail(Diagnostic(Diagnostic.ID(error.id), error.message, at: range))
      }
    }
    let rows = LiteralRows(count: list.count, bytes: bytes)
    return try add(.literal(rows), columns, isAtMostOneRow: rows.count <= 1) { manifest in
      manifest.write(.count, rows.count)
      manifest.write(.value, ByteString(bytes: rows.bytes))
    }
  }

  // MARK: Options

  private mutating func fileTable(
    _ parts: [Relation.Input], _ columns: [Column], _ options: [(name: String, value: Value)]
  ) throws(Failure) -> FileTable {
    var table = FileTable(
      parts: parts, columns: columns, format: .csv, hasHeader: true, names: columns.map { ByteString($0.name) },
      empty: .error, malformed: .error, pathColumn: nil, numberColumn: nil, appends: false)
    var header: Bool?
    for (name, value) in options {
      switch value {
      case .string(let text): try apply(name, text.display, to: &table)
      case .bool(let flag):
        if name == "header" { header = flag }
        if name == "append" { table.appends = flag }
      case .map(let root):
        for pair in MapNode.pairs(of: root) {
          guard case .string(let field) = pair.key, case .string(let written) = deeplyResolved(pair.value),
            let column = columns.firstIndex(where: { ByteString($0.name) == field })
          else { throw fail(.badArgument, "columns names \(Printer.key(pair.key)), which is no field of the row") }
          table.names[column] = written
        }
      case .unit, .int, .big, .float, .file, .dir, .fileset, .list, .tuple, .record, .table, .variant, .closure,
        .native, .delayed, .absent:
        preconditionFailure("the checker admits strings, bools and maps only")
      }
    }
    switch table.format {
    case .csv, .tsv: table.hasHeader = header ?? true
    case .jsonl, .lines:
      if header != nil { throw fail(.badArgument, "header is an option of csv and tsv") }
      table.hasHeader = false
    }
    let read = columns.indices.filter { $0 != table.pathColumn && $0 != table.numberColumn }
    if table.format == .lines, read.count != 1 || columns[read[0]].kind != .string {
      throw fail(.badArgument, "lines needs a row of one string field, besides those of path and number")
    }
    if read.isEmpty { throw fail(.badArgument, "no field of the row is read from the file") }
    return table
  }

  private mutating func apply(_ name: String, _ text: String, to table: inout FileTable) throws(Failure) {
    func field(_ kind: ColumnKind, _ word: String) throws(Failure) -> Int {
      guard let index = table.columns.firstIndex(where: { $0.name == text && $0.kind == kind }) else {
        throw fail(.badArgument, "\(name) must name a field of type \(word), and \"\(text)\" is none")
      }
      return index
    }
    switch name {
    case "format":
      guard let format = FileTable.Format(rawValue: text) else { throw wrong(name, text) }
      table.format = format
    case "empty":
      guard let empty = FileTable.Empty(rawValue: text) else { throw wrong(name, text) }
      table.empty = empty
    case "malformed":
      guard let malformed = FileTable.Malformed(rawValue: text) else { throw wrong(name, text) }
      table.malformed = malformed
    case "path": table.pathColumn = try field(.string, "string")
    case "number": table.numberColumn = try field(.int, "int")
    case _: break
    }
  }

  private mutating func wrong(_ name: String, _ text: String) -> Failure {
    let words =
      switch name {
      case "format": FileTable.Format.allCases.map(\.rawValue)
      case "empty": FileTable.Empty.allCases.map(\.rawValue)
      case _: FileTable.Malformed.allCases.map(\.rawValue)
      }
    return fail(.badArgument, "\(name) must be one of \(words.joined(separator: ", ")), not \"\(text)\"")
  }

  // MARK: Loops

  /// Stack: seed, function, and perhaps the priority.
  mutating func fixpointStart(_ code: RelationCode, end: Int) throws(Failure) {
    guard case .fixpoint(let seed, _, _, let hasPriority) = code else { return }
    let count = hasPriority ? 3 : 2
    let pending = pendingOperands(count)
    guard pending.isEmpty else { return suspend(count, end: end, on: pending) }
    let columns = relation(operand(count - 1), as: seed.tableRow).columns
    loopCount += 1
    let loop = LoopID(index: loopCount)
    let variable = try add(.loop(loop), columns) { $0.write(.ordinal, loop.index) }
    let function = operand(count - 2)
    stack.append(.table(TableValue(.relation(variable))))
    stack.append(function)
    stack.append(.table(TableValue(.relation(variable))))
  }

  /// Stack: seed, function, perhaps the priority, the loop's variable, and what the function made of it.
  mutating func fixpointEnd(_ code: RelationCode) throws(Failure) {
    guard case .fixpoint(let seed, _, let result, let hasPriority) = code else { return }
    let count = hasPriority ? 5 : 4
    if case .delayed(let node) = operand(0) { return suspend(count, on: [node]) }
    let first = relation(operand(count - 1), as: seed.tableRow)
    guard case .table(let table) = operand(1), case .relation(let variable) = table.content,
      case .loop(let loop) = variable.operation
    else { preconditionFailure("a loop's variable lies below its result") }
    var priority: RowFunction?
    if hasPriority {
      guard case .closure(let closure) = operand(2) else {
        throw fail(.badArgument, "the priority of a loop must be a function of the program")
      }
      let pending = pendingCaptures(of: closure)
      guard pending.isEmpty else { return suspend(count, on: pending) }
      priority = try rowFunction(
        closure, [RowSource(generator: 0, kind: .element(seed.tableRow))], .scalar(.int),
        origin: current.code.origins[current.position - 1])
    }
    let body = relation(operand(0), as: result.tableRow.reordered(like: seed.tableRow))
    let fixpoint = Fixpoint(loop: loop, seed: first, body: body, priority: priority)
    let key = RelationKey.closed(body, over: loop)
    let made = try add(.fixpoint(fixpoint), first.columns) { manifest in
      manifest.write(.identity, first.key)
      manifest.write(.identity, key)
      if let priority { manifest.write(.identity, priority.key) }
    }
    complete(count, .value(.table(TableValue(.relation(made)))))
  }
}

extension FileTable {
  /// Takes down what it says.
  fileprivate func write(to manifest: inout DigestManifest, _ graph: FlowGraph) {
    for part in parts {
      manifest.write(.identity, graph.identity(of: part.reference))
      manifest.write(.kind, Int(part.kind.rawValue))
    }
    manifest.write(.name, format.rawValue)
    manifest.write(.value, hasHeader)
    for name in names { manifest.write(.label, name) }
    manifest.write(.name, empty.rawValue)
    manifest.write(.name, malformed.rawValue)
    manifest.write(.ordinal, pathColumn ?? -1)
    manifest.write(.ordinal, numberColumn ?? -1)
  }
}

/// Keys of what depends on a loop's variable, in which the variable is no number of this evaluation but its distance.
enum RelationKey {
  /// The key of a loop's body: the loop's own variable counts as 0, those of loops around it keep their keys until these are
  /// closed themselves.
  ///
  /// - Complexity: O(open nodes of the body).
  static func closed(_ body: Relation, over loop: LoopID) -> Digest {
    var known: [ObjectIdentifier: Digest] = [:]
    return key(body, [loop: 0], &known)
  }

  private static func key(
    _ relation: Relation, _ distances: [LoopID: Int], _ known: inout [ObjectIdentifier: Digest]
  ) -> Digest {
    guard relation.loops.contains(where: { distances[$0] != nil }) else { return relation.key }
    if let key = known[ObjectIdentifier(relation)] { return key }
    var manifest = DigestManifest()
    if case .loop(let loop) = relation.operation, let distance = distances[loop] {
      manifest.write(.name, "variable")
      manifest.write(.ordinal, distance)
      for column in relation.columns { manifest.write(.kind, Int(column.kind.rawValue)) }
    } else {
      // The node's own key says everything but what its operands are here.
      manifest.write(.name, "open")
      manifest.write(.identity, relation.shapeKey)
      if case .fixpoint(let inner) = relation.operation {
        var deeper = distances.mapValues { $0 + 1 }
        deeper[inner.loop] = 0
        var within: [ObjectIdentifier: Digest] = [:]
        manifest.write(.identity, key(inner.seed, distances, &known))
        manifest.write(.identity, key(inner.body, deeper, &within))
      } else {
        for child in relation.operation.children { manifest.write(.identity, key(child, distances, &known)) }
      }
    }
    let key = manifest.finish()
    known[ObjectIdentifier(relation)] = key
    return key
  }
}

extension Relation {
  /// What the node says besides its operands.
  fileprivate var shapeKey: Digest {
    var manifest = DigestManifest()
    for column in columns {
      manifest.write(.label, column.name)
      manifest.write(.kind, Int(column.kind.rawValue))
    }
    switch operation {
    case .files, .literal, .loop: manifest.write(.identity, key)
    case .project(_, let places):
      manifest.write(.name, "project")
      for place in places { manifest.write(.ordinal, place) }
    case .union(let parts):
      manifest.write(.name, "union")
      manifest.write(.count, parts.count)
    case .distinct: manifest.write(.name, "distinct")
    case .comprehension(let comprehension):
      manifest.write(.name, "comprehension")
      comprehension.write(to: &manifest, withTables: false)
    case .semijoin(let join):
      manifest.write(.name, join.keepsMatches ? "semijoin" : "antijoin")
      manifest.write(.identity, join.leftKey.key)
      manifest.write(.identity, join.rightKey.key)
    case .fixpoint(let fixpoint):
      manifest.write(.name, "fixpoint")
      if let priority = fixpoint.priority { manifest.write(.identity, priority.key) }
    }
    return manifest.finish()
  }
}
