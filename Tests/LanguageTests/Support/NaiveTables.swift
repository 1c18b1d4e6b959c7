import BigInt
import BuildGraph

@testable import Language

/// Evaluates relations over lists of rows, one node at a time, with nested loops and nothing clever.
///
/// It follows the definitions: what it comes to is right by reading it, and whatever evaluates tables in earnest must
/// come to the same.
struct NaiveTables {
  typealias Row = [UInt64]

  final class Strings: RowStrings {
    private var numbers: [ByteString: UInt64] = [:]
    private var texts: [UnsafeMutableBufferPointer<UInt8>] = []

    func bytes(_ id: UInt64) -> UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(texts[Int(id)]) }

    func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
      let text = ByteString(bytes: Array(bytes))
      if let known = numbers[text] { return known }
      let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
      _ = copy.initialize(from: bytes)
      texts.append(copy)
      numbers[text] = UInt64(texts.count - 1)
      return UInt64(texts.count - 1)
    }

    deinit { for text in texts { text.deallocate() } }
  }

  let strings = Strings()
  private let evaluator: RowEvaluator
  /// The texts of a part, by path.
  private let read: (Relation.Input) -> [(path: String, text: String)]
  private var loops: [LoopID: [Row]] = [:]

  init(_ read: @escaping (Relation.Input) -> [(path: String, text: String)] = { _ in [] }) {
    self.read = read
    evaluator = RowEvaluator(strings: strings)
  }

  // MARK: Order

  func precedes(_ a: Row, _ b: Row, _ kinds: [ColumnKind]) -> Bool {
    for (index, kind) in kinds.enumerated() where a[index] != b[index] {
      switch kind {
      case .int: return Int64(bitPattern: a[index]) < Int64(bitPattern: b[index])
      case .float: return Double(bitPattern: a[index]) < Double(bitPattern: b[index])
      case .bool: return a[index] < b[index]
      case .string, .rows: return strings.bytes(a[index]).lexicographicallyPrecedes(strings.bytes(b[index]))
      }
    }
    return false
  }

  func sorted(_ rows: [Row], _ kinds: [ColumnKind]) -> [Row] { rows.sorted { precedes($0, $1, kinds) } }

  // MARK: Nodes

  /// The rows, in no order.
  mutating func rows(of relation: Relation) throws(RowError) -> [Row] {
    switch relation.operation {
    case .files(let table): return try rows(of: table)
    case .literal(let literal):
      var rows: [Row] = []
      let kinds = relation.columns.map(\.kind)
      literal.bytes.withUnsafeBufferPointer { bytes in
        let isWhole = RowCoding.forEachRow(in: bytes, kinds, strings) { row in
          rows.append(Array(UnsafeBufferPointer(start: row, count: kinds.count)))
        }
        precondition(isWhole && rows.count == literal.count)
      }
      return rows
    case .loop(let id): return loops[id] ?? []
    case .project(let inner, let columns): return try rows(of: inner).map { row in columns.map { row[$0] } }
    case .union(let parts):
      var all: [Row] = []
      for part in parts { all += try rows(of: part) }
      return all
    case .distinct(let inner): return Array(Set(try rows(of: inner)))
    case .comprehension(let comprehension): return try rows(of: comprehension)
    case .semijoin(let join):
      var keys: Set<Row> = []
      for row in try rows(of: join.right) { keys.insert(try apply(join.rightKey, [row])) }
      var kept: [Row] = []
      for row in try rows(of: join.left) where keys.contains(try apply(join.leftKey, [row])) == join.keepsMatches {
        kept.append(row)
      }
      return kept
    case .fixpoint(let fixpoint): return try rows(of: fixpoint, relation.columns.map(\.kind))
    }
  }

  private mutating func rows(of fixpoint: Fixpoint, _ kinds: [ColumnKind]) throws(RowError) -> [Row] {
    var waiting: [Int: [Row]] = [0: []]
    for row in try rows(of: fixpoint.seed) {
      let priority = try fixpoint.priority.map { (p) throws(RowError) in Int(Int64(bitPattern: try apply(p, [row])[0]))
      }
      waiting[priority ?? 0, default: []].append(row)
    }
    let last = waiting.keys.max() ?? 0
    var x = waiting[0] ?? []
    var round = 0
    while true {
      loops[fixpoint.loop] = x
      let next = try rows(of: fixpoint.body) + (round + 1 <= last ? waiting[round + 1] ?? [] : [])
      if round >= last, sorted(next, kinds) == sorted(x, kinds) { return x }
      x = next
      round += 1
      if round > 200 || x.count > 5_000 {
        throw RowError("language.endless-loop", "the loop has not ended after \(round) rounds", at: nil)
      }
    }
  }

  // MARK: Comprehensions

  private mutating func apply(
    _ function: RowFunction, _ rows: [Row], faults: [[Int: RowError]] = []
  ) throws(RowError) -> Row {
    let (input, known) = arguments(function, rows, faults)
    var output = Row(repeating: 0, count: function.outputs.count)
    let bound = evaluator.bind(function)
    let error = input.withUnsafeBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        // There is an address even for nothing.
        var none: UInt64 = 0
        return withUnsafeMutablePointer(to: &none) { none in
          bound.apply(input.baseAddress ?? UnsafePointer(none), output.baseAddress ?? none, faults: known)
        }
      }
    }
    if let error { throw error }
    return output
  }

  private func arguments(
    _ function: RowFunction, _ rows: [Row], _ faults: [[Int: RowError]]
  ) -> (input: Row, faults: [Int: RowError]) {
    var known: [Int: RowError] = [:]
    for (index, input) in function.inputs.enumerated() where input.generator < faults.count {
      known[index] = faults[input.generator][input.column]
    }
    return (function.inputs.map { rows[$0.generator][$0.column] }, known)
  }

  /// A row, and the words of it that have no value.
  private typealias Element = (row: Row, faults: [Int: RowError])

  private mutating func rows(of comprehension: Comprehension) throws(RowError) -> [Row] {
    var sources: [[Element]?] = []
    for generator in comprehension.generators {
      switch generator.source {
      case .table(let relation): sources.append(try rows(of: relation).map { ($0, [:]) })
      case .groups(let grouping): sources.append(try groups(of: grouping))
      case .list: sources.append(nil)
      }
    }
    var result: [Row] = []
    try loop(comprehension, sources, [], &result)
    return result
  }

  private mutating func loop(
    _ comprehension: Comprehension, _ sources: [[Element]?], _ bound: [Element], _ result: inout [Row]
  ) throws(RowError) {
    let rows = bound.map(\.row)
    let faults = bound.map(\.faults)
    for condition in comprehension.conditions where condition.after == bound.count && !bound.isEmpty {
      let holds = try apply(condition.function, rows, faults: faults)[0] != 0
      check(condition, holds, rows, faults)
      if !holds { return }
    }
    guard bound.count < comprehension.generators.count else {
      return result.append(try apply(comprehension.head, rows, faults: faults))
    }
    var elements = sources[bound.count] ?? []
    if case .list(let function) = comprehension.generators[bound.count].source {
      let (input, known) = arguments(function, rows, faults)
      let error = (input + [0]).withUnsafeBufferPointer { input in
        evaluator.bind(function).expand(input.baseAddress!, faults: known) { row in
          elements.append((Array(UnsafeBufferPointer(start: row, count: function.outputs.count)), [:]))
        }
      }
      if let error { throw error }
    }
    for element in elements { try loop(comprehension, sources, bound + [element], &result) }
    if result.count > 100_000 { throw RowError("language.too-large", "too many rows for a naive evaluator", at: nil) }
  }

  /// What is said of a condition's form must agree with it.
  private mutating func check(_ condition: Condition, _ holds: Bool, _ rows: [Row], _ faults: [[Int: RowError]]) {
    if let equality = condition.equality, let left = try? apply(equality.left, rows, faults: faults),
      let right = try? apply(equality.right, rows, faults: faults)
    {
      precondition((left == right) == holds, "a join key is equal exactly where its condition holds")
    }
    if let window = condition.window, let bound = try? apply(window.bound, rows, faults: faults)[0] {
      let column = rows[window.column.generator][window.column.column]
      let isLess = precedes([column], [bound], [window.column.kind])
      let isGreater = precedes([bound], [column], [window.column.kind])
      let agrees =
        switch window.relation {
        case .less: isLess == holds
        case .lessEqual: !isGreater == holds
        case .greater: isGreater == holds
        case .greaterEqual: !isLess == holds
        }
      precondition(agrees, "a window is its condition")
    }
  }

  // MARK: Groups

  private mutating func groups(of grouping: Grouping) throws(RowError) -> [Element] {
    var members: [Row: [Row]] = [:]
    for row in try rows(of: grouping.input) { members[try apply(grouping.key, [row]), default: []].append(row) }
    let kinds = grouping.input.columns.map(\.kind)
    var result: [Element] = []
    for (key, rows) in members {
      var words = key
      var faults: [Int: RowError] = [:]
      for reducer in grouping.reducers {
        do throws(RowError) {
          words.append(try reduce(reducer, sorted(rows, kinds), kinds))
        } catch {
          faults[words.count] = error
          words.append(0)
        }
      }
      result.append((words, faults))
    }
    return result
  }

  private mutating func reduce(_ reducer: Reducer, _ all: [Row], _ kinds: [ColumnKind]) throws(RowError) -> UInt64 {
    var rows: [Row] = []
    for row in all {
      var passes = true
      for condition in reducer.conditions where passes { passes = try apply(condition, [row])[0] != 0 }
      if passes { rows.append(row) }
    }
    func values(_ function: RowFunction, _ naive: inout NaiveTables) throws(RowError) -> [UInt64] {
      var values: [UInt64] = []
      for row in rows { values.append(try naive.apply(function, [row])[0]) }
      return values
    }
    func encoded(_ rows: [Row], _ columns: [Int]) -> UInt64 {
      var bytes: [UInt8] = []
      for row in rows {
        columns.map { row[$0] }.withUnsafeBufferPointer { row in
          if let base = row.baseAddress { RowCoding.append(base, columns.map { kinds[$0] }, strings, to: &bytes) }
        }
      }
      return bytes.withUnsafeBufferPointer { strings.intern($0) }
    }
    switch reducer.kind {
    case .count: return UInt64(rows.count)
    case .sum(let function), .average(let function):
      let values = try values(function, &self)
      var sum = ExactSum()
      var integer = BigInt(0)
      for value in values {
        if function.outputs[0] == .int {
          integer += BigInt(Int64(bitPattern: value))
        } else {
          sum.add(Double(bitPattern: value))
        }
      }
      if case .average = reducer.kind {
        if values.isEmpty { throw reducer.emptyError }
        sum.add(integer)
        return sum.quotient(by: BigInt(values.count)).bitPattern
      }
      if function.outputs[0] == .float { return sum.quotient().bitPattern }
      guard let word = Int64(exactly: integer) else { throw reducer.overflowError }
      return UInt64(bitPattern: word)
    case .minimum(let function), .maximum(let function):
      let found = sorted(try values(function, &self).map { [$0] }, function.outputs)
      var isMinimum = false
      if case .minimum = reducer.kind { isMinimum = true }
      guard let best = isMinimum ? found.first : found.last else { throw reducer.emptyError }
      return best[0]
    case .top(let function, let count, let columns):
      var keyed: [(key: Row, row: Row)] = []
      for row in rows { keyed.append((try apply(function, [row]), row)) }
      keyed.sort { a, b in
        if precedes(a.key, b.key, function.outputs) { return true }
        return a.key == b.key && precedes(a.row, b.row, kinds)
      }
      return encoded(keyed.prefix(count).map(\.row), columns)
    case .rows(let columns):
      let chosen = rows.map { row in columns.map { row[$0] } }
      let order = sorted(chosen, columns.map { kinds[$0] })
      var bytes: [UInt8] = []
      for row in order {
        row.withUnsafeBufferPointer { row in
          if let base = row.baseAddress { RowCoding.append(base, columns.map { kinds[$0] }, strings, to: &bytes) }
        }
      }
      return bytes.withUnsafeBufferPointer { strings.intern($0) }
    }
  }

  // MARK: Files

  /// Plain files only: fields between commas, no quotes.
  private func rows(of table: FileTable) throws(RowError) -> [Row] {
    var rows: [Row] = []
    for part in table.parts {
      for (_, text) in read(part) {
        var lines = text.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        guard table.hasHeader, !lines.isEmpty else { continue }
        let header = lines.removeFirst().map(String.init)
        for line in lines {
          rows.append(
            table.columns.indices.map { column in
              let field = String(line[header.firstIndex(of: table.names[column].display) ?? 0])
              switch table.columns[column].kind {
              case .int: return UInt64(bitPattern: Int64(field) ?? 0)
              case .float: return (Double(field) ?? 0).bitPattern
              case .bool: return field == "true" ? 1 : 0
              case .string, .rows: return strings.intern(Array(field.utf8))
              }
            })
        }
      }
    }
    return rows
  }

  /// What a step makes of the rows.
  func bytes(_ rows: [Row], _ relation: Relation, _ form: TableStep.Form) -> [UInt8] {
    let kinds = relation.columns.map(\.kind)
    let order = sorted(rows, kinds)
    var bytes: [UInt8] = []
    func appendRows() {
      for row in order {
        row.withUnsafeBufferPointer { row in
          if let base = row.baseAddress { RowCoding.append(base, kinds, strings, to: &bytes) }
        }
      }
    }
    switch form {
    case .rows: appendRows()
    case .summary:
      appendRows()
      var writer = BinaryWriter()
      writer.write(UInt64(rows.count))
      writer.write(Digest(hashing: bytes))
      return writer.bytes
    case .csv, .tsv, .jsonl, .parts:
      bytes += Array((relation.columns.map(\.name).joined(separator: ",") + "\n").utf8)
      for row in order {
        let fields = zip(row, kinds).map { word, kind in
          switch kind {
          case .int: "\(Int64(bitPattern: word))"
          case .float: "\(Double(bitPattern: word))"
          case .bool: word == 0 ? "false" : "true"
          case .string, .rows: String(decoding: strings.bytes(word), as: UTF8.self)
          }
        }
        bytes += Array((fields.joined(separator: ",") + "\n").utf8)
      }
    }
    return bytes
  }
}
