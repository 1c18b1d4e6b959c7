import BigInt
import BuildGraph

extension Machine {
  mutating func lists(
    _ function: SystemFunction, _ arguments: ContiguousArray<Value>, _ type: Type
  ) throws(Failure) -> Progress {
    let list = Self.list(arguments[0])
    var elementType = Type.top
    if case .list(let type) = type { elementType = type }
    switch function {
    case .listsReverse: return .value(.list(ContiguousArray(list.elements.reversed())))
    case .listsEnumerate:
      return .value(.list(ContiguousArray((0..<list.count).map { .tuple(.int($0), list[$0]) })))
    case .listsTake, .listsDrop:
      guard let count = arguments[1].integer, count >= 0 else {
        throw fail(.badArgument, "\(function.rawValue): the count is negative")
      }
      let middle = Int(min(count, BigInt(list.count)))
      return .value(.list(function == .listsTake ? list.slice(0, middle) : list.slice(middle, list.count)))
    case .listsSum: return .value(try sum(of: list, elementType))
    case .listsContains: return try contains(list, arguments[1], elementType)
    case .listsUnique: return try unique(list, elementType)
    case _: return try ordered(function, list)
    }
  }

  private mutating func sum(of list: List, _ type: Type) throws(Failure) -> Value {
    var sum = type == .float ? Value(Floating(0)) : Value.int(0)
    for index in 0..<list.count {
      do {
        if case .float(let x) = sum, case .float(let y) = list[index] {
          sum = try Value.floatOperation(.add, x.value, y.value)
        } else if case .float = list[index] {
          sum = list[index]
        } else {
          sum = try Value.integerOperation(.add, sum, list[index])
        }
      } catch {
        throw fail(.arithmetic, error.message)
      }
    }
    return sum
  }

  /// Sorting, the smallest and the largest; elements are ints, floats, strings, bools or files.
  private mutating func ordered(_ function: SystemFunction, _ list: List) throws(Failure) -> Progress {
    var pending: [NodeID] = []
    for index in 0..<list.count { try requireKey(list[index], or: &pending) }
    guard pending.isEmpty else { return .wait(pending) }
    let elements = list.elements
    switch function {
    case .listsMin, .listsMax:
      guard var best = elements.first else {
        throw fail(.emptyList, "\(function.rawValue): the list is empty")
      }
      for element in elements.dropFirst() {
        let order = Value.compareKeys(element, best)
        if function == .listsMin ? order < 0 : order > 0 { best = element }
      }
      return .value(best)
    case _:
      let sorted = elements.indices.sorted {
        let order = Value.compareKeys(elements[$0], elements[$1])
        return order != 0 ? order < 0 : $0 < $1
      }
      return .value(.list(ContiguousArray(sorted.map { elements[$0] })))
    }
  }

  private mutating func contains(_ list: List, _ element: Value, _ type: Type) throws(Failure) -> Progress {
    var pending: [NodeID] = []
    for index in 0..<list.count {
      switch try equal(list[index], element, type) {
      case .value(.bool(true)): return .value(.bool(true))
      case .value: continue
      case .wait(let nodes): pending += nodes
      }
    }
    return pending.isEmpty ? .value(.bool(false)) : .wait(pending)
  }

  /// The first of each run of equal elements, wherever the others are.
  ///
  /// - Complexity: O(n) for ints, strings and bools; O(n · distinct) for what has no order.
  private mutating func unique(_ list: List, _ type: Type) throws(Failure) -> Progress {
    var pending: [NodeID] = []
    var kept = ContiguousArray<Value>()
    var seen: Set<HashedKey> = []
    for index in 0..<list.count {
      let element = list[index]
      if let key = HashedKey(element) {
        if seen.insert(key).inserted { kept.append(element) }
        continue
      }
      var isNew = true
      for other in kept {
        switch try equal(other, element, type) {
        case .value(.bool(let equal)): if equal { isNew = false }
        case .value: continue
        case .wait(let nodes): pending += nodes
        }
        if !isNew { break }
      }
      if isNew { kept.append(element) }
    }
    return pending.isEmpty ? .value(.list(kept)) : .wait(pending)
  }

  /// Scalars by which a hash table can tell elements apart.
  private enum HashedKey: Hashable {
    case int(BigInt)
    case string(ByteString)
    case bool(Bool)

    init?(_ value: Value) {
      switch value {
      case .int, .big: self = .int(value.integer ?? 0)
      case .string(let text): self = .string(text)
      case .bool(let flag): self = .bool(flag)
      case .unit, .float, .file, .dir, .fileset, .list, .map, .tuple, .record, .variant, .table, .closure, .native,
        .delayed,
        .absent:
        return nil
      }
    }
  }
}
