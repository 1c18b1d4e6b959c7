import Differential
import Language

/// What is made of the records of a file while they are read, so that neither they nor their strings are kept: of lines of which only the
/// words are wanted, say, or of records that a condition leaves out.
extension ComprehensionCompiler {
  /// Takes the first generator, the lists of words behind it, and their conditions, where that is of use and nothing else reads
  /// the files.
  ///
  /// - Returns: the rows of the comprehension if all generators are taken; else the bindings, whose layout is set.
  mutating func madeOfRecords(_ relation: Relation) -> (rows: Multiset<Words, UInt32, Int>, taken: Int)? {
    guard case .files(let table) = relation.operation else { return nil }
    let generators = comprehension.generators
    var taken = 1
    while taken < generators.count, case .list(let function) = generators[taken].source, function.makesFields {
      taken += 1
    }
    var whole = BindingLayout()
    var starts: [Int] = []
    for generator in 0..<taken {
      starts.append(whole.places.count)
      whole = whole + BindingLayout(generator: generator, width: generators[generator].columns.count)
    }
    let isAll = taken == generators.count
    layout = whole
    let keep = isAll ? [] : kept(needed(from: taken - 1))
    let conditions = comprehension.conditions.filter { $0.after <= taken }
    guard isOfUse(table, taken, hasConditions: !conditions.isEmpty, keep: isAll ? nil : keep) else {
      layout = BindingLayout(generator: 0, width: generators[0].columns.count)
      return nil
    }
    let rows = flow.rows(of: relation) { evaluator, strings, tally in
      func bind(_ function: RowFunction) -> BindingFunction { BindingFunction(function, whole, evaluator) }
      let levels = (0..<taken).map { generator in
        var list: BindingFunction?
        if case .list(let function) = generators[generator].source { list = bind(function) }
        return RecordStage.Level(
          conditions: conditions.filter { $0.after == generator + 1 }.map { bind($0.function) },
          start: starts[generator], list: list)
      }
      let kinds = isAll ? comprehension.head.outputs : keep.map { kind(of: whole.places[$0]) }
      var product = RecordStage.Product.project(keep)
      if isAll { product = selected(whole).map { .project($0) } ?? .function(bind(comprehension.head)) }
      return RecordStage(
        levels, product, kinds.isEmpty ? [.bool] : kinds, width: whole.places.count, strings, tally)
    }
    layout = BindingLayout(generator: 0, width: generators[0].columns.count)
    guard let rows else { return nil }
    layout = BindingLayout(keep.map { whole.places[$0] })
    return (rows, taken)
  }

  /// Where the words of the head are in a binding, if it does nothing but select what needs no look.
  private func selected(_ layout: BindingLayout) -> [Int]? {
    let head = comprehension.head
    // A float may have become one that no row has.
    guard let selection = head.selection, !head.outputs.contains(.float) else { return nil }
    return selection.map { layout.position(of: head.inputs[$0]) }
  }

  private func kind(of place: BindingLayout.Place) -> ColumnKind {
    comprehension.generators[place.generator].columns[place.column]
  }

  /// Whether strings of the files would be numbered that do not come out of it: else it is as well to read the rows as they are.
  ///
  /// - Parameter keep: of the layout, what comes out; nil for the head.
  private func isOfUse(_ table: FileTable, _ taken: Int, hasConditions: Bool, keep: [Int]?) -> Bool {
    let strings = Set(table.fileColumns.filter { table.columns[$0].kind == .string })
    guard !strings.isEmpty else { return false }
    if hasConditions || taken > 1 { return true }
    if let keep { return !strings.isSubset(of: keep.map { layout.places[$0].column }) }
    guard let selection = comprehension.head.selection else { return true }
    return !strings.isSubset(of: selection.map { comprehension.head.inputs[$0].column })
  }
}

/// Which nodes of some relations read which files.
struct FileReaders {
  private var nodes: [FileTable: [NodeKey]] = [:]

  /// - Complexity: O(nodes).
  init(_ relations: [Relation]) {
    var seen: Set<NodeKey> = []
    var open = relations
    func note(_ relation: Relation, readBy reader: Relation) {
      if case .files(let table) = relation.operation { nodes[table, default: []].append(NodeKey(reader)) }
    }
    // Who asks for the files themselves is a reader that makes nothing of them.
    for relation in relations { note(relation, readBy: relation) }
    while let next = open.popLast() {
      guard seen.insert(NodeKey(next)).inserted else { continue }
      for child in next.operation.children { note(child, readBy: next) }
      open += next.operation.children
    }
  }

  /// The node that reads it, if it is one, and reads it once.
  func onlyReader(of table: FileTable) -> NodeKey? {
    guard let readers = nodes[table], readers.count == 1 else { return nil }
    return readers[0]
  }
}
