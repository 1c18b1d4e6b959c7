import BuildGraph
import Language

/// A comprehension: generators from left to right, each joined to what is there by hashed keys where there are any.
///
/// A binding is a row's number for each generator so far. A condition is tested at its place, so what fails is what nested
/// loops would have failed at. An equality is used as a key only where no condition before it can fail.
struct Joining {
  private let evaluation: Evaluation
  /// As planned: in the order in which its generators are taken.
  let comprehension: Comprehension
  /// By generator: its rows.
  private(set) var sources: [RowList] = []
  /// By generator and row: the words that have no value.
  private var faults: [[Int: [Int: RowError]]] = []

  init(_ evaluation: Evaluation, _ comprehension: Comprehension) {
    self.evaluation = evaluation
    self.comprehension = comprehension.planned
  }

  mutating func rows(_ empty: RowList) throws(TableFailure) -> RowList {
    let bindings = try bindings()
    var result = empty
    forEachHead(bindings) { result.append($1) }
    return result
  }

  /// What passes all conditions: of each binding, the number of a row for each generator.
  mutating func bindings() throws(TableFailure) -> [Int] {
    for generator in comprehension.generators {
      switch generator.source {
      case .table(let relation):
        sources.append(try evaluation.evaluate(relation))
        faults.append([:])
      case .groups(let grouping):
        let groups = try Groups(grouping, evaluation)
        sources.append(groups.rows)
        faults.append(groups.faults)
      case .list:
        sources.append(RowList(generator.columns))
        faults.append([:])
      }
    }
    var bindings: [Int] = []
    var count = 1
    for generator in comprehension.generators.indices {
      var used: Set<Int> = []
      if case .list(let function) = comprehension.generators[generator].source {
        bindings = expand(function, generator, bindings, count)
      } else {
        (bindings, used) = join(generator, bindings, count)
      }
      count = bindings.count / (generator + 1)
      for (number, condition) in comprehension.conditions.enumerated()
      where condition.after == generator + 1 && !used.contains(number) {
        bindings = filter(bindings, generator + 1, BoundFunction(condition.function, evaluation.evaluator))
        count = bindings.count / (generator + 1)
      }
    }
    return bindings
  }

  /// Calls `body` with where each binding stands and the row that the head makes of it.
  func forEachHead(_ bindings: [Int], _ body: (_ start: Int, _ row: UnsafeBufferPointer<UInt64>) -> Void) {
    let head = BoundFunction(comprehension.head, evaluation.evaluator)
    let columns = comprehension.head.outputs.count
    for start in stride(from: 0, to: bindings.count, by: comprehension.generators.count) {
      switch apply(head, bindings, start) {
      case .success(let row): body(start, UnsafeBufferPointer(start: row, count: columns))
      case .failure(let error): evaluation.note(error)
      }
    }
  }

  // MARK: Functions of bindings

  private func apply(
    _ function: BoundFunction, _ bindings: [Int], _ start: Int
  ) -> Result<UnsafePointer<UInt64>, RowError> {
    function.apply(faults: faults(of: function, bindings, start)) { input in
      let source = sources[input.generator]
      return source.words[bindings[start + input.generator] * source.width + input.column]
    }
  }

  private func faults(of function: BoundFunction, _ bindings: [Int], _ start: Int) -> [Int: RowError] {
    var found: [Int: RowError] = [:]
    for (index, input) in function.function.inputs.enumerated() where !faults[input.generator].isEmpty {
      found[index] = faults[input.generator][bindings[start + input.generator]]?[input.column]
    }
    return found
  }

  private func filter(_ bindings: [Int], _ width: Int, _ condition: BoundFunction) -> [Int] {
    var kept: [Int] = []
    for start in stride(from: 0, to: bindings.count, by: width) {
      switch apply(condition, bindings, start) {
      case .success(let word): if word[0] != 0 { kept.append(contentsOf: bindings[start..<start + width]) }
      case .failure(let error): evaluation.note(error)
      }
    }
    return kept
  }

  private mutating func expand(_ function: RowFunction, _ generator: Int, _ bindings: [Int], _ count: Int) -> [Int] {
    let list = BoundFunction(function, evaluation.evaluator)
    var elements = sources[generator]
    var result: [Int] = []
    for binding in 0..<count {
      let start = binding * generator
      let first = elements.count
      let error = list.expand(faults: faults(of: list, bindings, start)) { input in
        let source = sources[input.generator]
        return source.words[bindings[start + input.generator] * source.width + input.column]
      } _: { row in
        elements.append(UnsafeBufferPointer(start: row, count: elements.width))
      }
      if let error {
        evaluation.note(error)
        elements.words.removeLast((elements.count - first) * elements.width)
      }
      for element in first..<elements.count {
        result.append(contentsOf: bindings[start..<start + generator])
        result.append(element)
      }
    }
    sources[generator] = elements
    return result
  }

  // MARK: Joins

  /// Each binding with each row of a generator that agrees with it.
  ///
  /// - Returns: the bindings, and the conditions that are thereby met.
  private func join(_ generator: Int, _ bindings: [Int], _ count: Int) -> (bindings: [Int], met: Set<Int>) {
    let rows = sources[generator]
    var old: [BoundFunction] = []
    var new: [BoundFunction] = []
    var met: Set<Int> = []
    let hasFaults = faults[0...generator].contains { !$0.isEmpty }
    for (number, condition) in comprehension.conditions.enumerated() where condition.after == generator + 1 {
      if hasFaults || condition.function.canFail { break }
      guard let equality = condition.equality else { continue }
      if equality.right.generators == [generator] {
        (old, new) = (
          old + [BoundFunction(equality.left, evaluation.evaluator)],
          new + [BoundFunction(equality.right, evaluation.evaluator)]
        )
        met.insert(number)
      } else if equality.left.generators == [generator] {
        (old, new) = (
          old + [BoundFunction(equality.right, evaluation.evaluator)],
          new + [BoundFunction(equality.left, evaluation.evaluator)]
        )
        met.insert(number)
      }
    }
    var result: [Int] = []
    guard !met.isEmpty, generator > 0 else {
      for binding in 0..<count {
        for row in 0..<rows.count {
          result.append(contentsOf: bindings[binding * generator..<(binding + 1) * generator])
          result.append(row)
        }
      }
      return (result, [])
    }
    var index = RowIndex(width: new.reduce(0) { $0 + $1.function.outputs.count })
    // Rows with the same key are chained, in order.
    var heads: [Int] = []
    var nexts = [Int](repeating: -1, count: rows.count)
    var key: [UInt64] = []
    for row in (0..<rows.count).reversed() {
      key.removeAll(keepingCapacity: true)
      let isMade = append(new, to: &key) { function in
        function.apply { rows.words[row * rows.width + $0.column] }
      }
      guard isMade else { continue }
      let (number, isNew) = key.withUnsafeBufferPointer { index.insert($0.baseAddress!) }  // A key has words.
      if isNew {
        heads.append(row)
      } else {
        nexts[row] = heads[number]
        heads[number] = row
      }
    }
    for binding in 0..<count {
      let start = binding * generator
      key.removeAll(keepingCapacity: true)
      guard append(old, to: &key, { apply($0, bindings, start) }) else { continue }
      guard let number = key.withUnsafeBufferPointer({ index.number(of: $0.baseAddress!) }) else { continue }
      var row = heads[number]
      while row >= 0 {
        result.append(contentsOf: bindings[start..<start + generator])
        result.append(row)
        row = nexts[row]
      }
    }
    return (result, met)
  }

  /// Appends the words of functions, one after the other.
  private func append(
    _ functions: [BoundFunction], to key: inout [UInt64],
    _ apply: (BoundFunction) -> Result<UnsafePointer<UInt64>, RowError>
  ) -> Bool {
    for function in functions {
      switch apply(function) {
      case .success(let words):
        key.append(contentsOf: UnsafeBufferPointer(start: words, count: function.function.outputs.count))
      case .failure(let error):
        evaluation.note(error)
        return false
      }
    }
    return true
  }
}
