import BigInt
import BuildGraph
import Diagnostics

extension Machine {
  mutating func perform(_ builtin: Builtin, _ count: Int, type: Int32) throws(Failure) {
    switch builtin {
    case .delay: stack.append(.delayed(add(Node(state: .idle(.alias(pop()))))))
    case .len: complete(1, try length())
    case .map: complete(1, try toMap())
    case .list: complete(1, try toList())
    case .zip: complete(2, try zipped())
    case .unzip: complete(1, unzipped())
    case .flatten: complete(1, try flattened())
    case .range: complete(2, try rangeList())
    case .trace: complete(1, try traced(current.code.module.types[Int(type)]))
    case .panic:
      guard case .string(let message) = operand(0) else { return suspend(1, on: pendingOperands(1)) }
      throw fail(.panic, "panic: " + message.display)
    case .error:
      guard case .string(let message) = operand(0), let code = operand(1).integer else {
        return suspend(2, on: pendingOperands(2))
      }
      throw fail(.moduleError, "module error code \(code): " + message.display)
    case .quote:
      guard case .string(let text) = operand(0) else { return suspend(1, on: pendingOperands(1)) }
      complete(1, .value(.string(Self.quoted(text))))
    case .sum, .avg, .min, .max: complete(1, try aggregate(builtin, current.code.module.types[Int(type)]))
    case .fold, .reduce: preconditionFailure("folds are loops")
    case .distinct, .group, .semijoin, .antijoin, .fixpoint, .rows, .csv, .tsv, .jsonl, .parts:
      preconditionFailure("operations on tables have instructions of their own")
    }
  }

  private mutating func length() throws(Failure) -> Progress {
    var pending: [NodeID] = []
    switch operand(0) {
    case .list(let list): return .value(.int(list.count))
    case .map(let root): return .value(.int(MapNode.count(root)))
    case .string(let text): return .value(.int(text.count))
    case .file(let file):
      guard let artifact = try artifact(of: file, or: &pending) else { return .wait(pending) }
      return .value(.int(Int(artifact.size)))
    case .dir(let dir):
      guard let content = try content(of: dir, or: &pending) else { return .wait(pending) }
      return .value(.int(MapNode.count(content)))
    case .table(let table):
      guard let count = try count(of: table, or: &pending) else { return .wait(pending) }
      return .value(.int(count))
    case .delayed(let node): return .wait([node])
    case .unit, .bool, .int, .big, .float, .fileset, .tuple, .record, .variant, .closure, .native, .absent:
      preconditionFailure("the checker admits what has a length only")
    }
  }

  /// A list of pairs, or a dir, as a map. Of equal keys the last wins.
  private mutating func toMap() throws(Failure) -> Progress {
    var pending: [NodeID] = []
    switch operand(0) {
    case .dir(let dir):
      guard let content = try content(of: dir, or: &pending) else { return .wait(pending) }
      return .value(.map(content))
    case .list(let list):
      var pairs: [MapNode.Pair] = []
      pairs.reserveCapacity(list.count)
      for index in 0..<list.count {
        switch resolved(list[index]) {
        case .delayed(let node): pending.append(node)
        case .tuple(let pair):
          let key = resolved(pair.elements[0])
          if case .delayed(let node) = key { pending.append(node) } else { try requireKey(key, or: &pending) }
          pairs.append((key, pair.elements[1]))
        case _: preconditionFailure("the checker admits pairs only")
        }
      }
      return pending.isEmpty ? .value(.map(MapNode.fromPairs(pairs))) : .wait(pending)
    case .map: return .value(operand(0))
    case .delayed(let node): return .wait([node])
    case .unit, .bool, .int, .big, .float, .string, .file, .fileset, .tuple, .record, .variant, .table, .closure,
      .native,
      .absent:
      preconditionFailure("the checker admits lists and dirs only")
    }
  }

  private mutating func toList() throws(Failure) -> Progress {
    var pending: [NodeID] = []
    switch operand(0) {
    case .map(let root): return .value(Self.pairs(of: root))
    case .dir(let dir):
      guard let content = try content(of: dir, or: &pending) else { return .wait(pending) }
      return .value(Self.pairs(of: content))
    case .list: return .value(operand(0))
    case .delayed(let node): return .wait([node])
    case .unit, .bool, .int, .big, .float, .string, .file, .fileset, .tuple, .record, .variant, .table, .closure,
      .native,
      .absent:
      preconditionFailure("the checker admits maps and dirs only")
    }
  }

  private mutating func zipped() throws(Failure) -> Progress {
    guard case .list(let a) = operand(1), case .list(let b) = operand(0) else { return .wait(pendingOperands(2)) }
    guard a.count == b.count else {
      throw fail(.listSizes, "list sizes do not match: \(a.count) vs \(b.count)")
    }
    return .value(.list(ContiguousArray((0..<a.count).map { .tuple(a[$0], b[$0]) })))
  }

  private mutating func unzipped() -> Progress {
    guard case .list(let list) = operand(0) else { return .wait(pendingOperands(1)) }
    var pending: [NodeID] = []
    var first = ContiguousArray<Value>()
    var second = ContiguousArray<Value>()
    first.reserveCapacity(list.count)
    second.reserveCapacity(list.count)
    for index in 0..<list.count {
      switch resolved(list[index]) {
      case .delayed(let node): pending.append(node)
      case .tuple(let pair):
        first.append(pair.elements[0])
        second.append(pair.elements[1])
      case _: preconditionFailure("the checker admits pairs only")
      }
    }
    return pending.isEmpty ? .value(.tuple(.list(first), .list(second))) : .wait(pending)
  }

  private mutating func flattened() throws(Failure) -> Progress {
    guard case .list(let lists) = operand(0) else { return .wait(pendingOperands(1)) }
    var pending: [NodeID] = []
    var elements = ContiguousArray<Value>()
    for index in 0..<lists.count {
      switch resolved(lists[index]) {
      case .delayed(let node): pending.append(node)
      case .list(let list):
        try checkCount(elements.count + list.count)
        for position in 0..<list.count { elements.append(list[position]) }
      case _: preconditionFailure("the checker admits lists of lists only")
      }
    }
    return pending.isEmpty ? .value(.list(elements)) : .wait(pending)
  }

  private mutating func rangeList() throws(Failure) -> Progress {
    let pending = pendingOperands(2)
    guard pending.isEmpty else { return .wait(pending) }
    guard let lower = operand(1).integer, let upper = operand(0).integer else {
      preconditionFailure("the checker admits ints only")
    }
    guard lower <= upper else { throw fail(.invalidRange, "invalid range: \(lower) to \(upper)") }
    guard upper - lower <= BigInt(limits.elements) else {
      throw fail(.tooLarge, "the range has more than \(limits.elements) elements")
    }
    if case .int(let from) = operand(1), case .int(let to) = operand(0) {
      return .value(.list(ContiguousArray((from..<to).lazy.map { Value.int($0) })))
    }
    let count = Int(upper - lower)
    return .value(.list(ContiguousArray((0..<count).map { Value(lower + BigInt($0)) })))
  }

  private mutating func traced(_ type: Type) throws(Failure) -> Progress {
    var pending = pending(in: operand(0))
    guard pending.isEmpty else { return .wait(pending) }
    let value = deeplyResolved(operand(0))
    let text = try printed(value, type, or: &pending)
    guard pending.isEmpty else { return .wait(pending) }
    let name = identifier
    traces.append(
      Diagnostic(EvaluationMessage.trace.id, .note, (name.isEmpty ? "" : "(\(name)) ") + text, at: self.range))
    return .value(value)
  }

  /// The text as one word of a shell: in single quotes, unless it has none but harmless characters.
  static func quoted(_ text: ByteString) -> ByteString {
    let harmless = text.bytes.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "/"), UInt8(ascii: ","), UInt8(ascii: "+"), UInt8(ascii: "@"), UInt8(ascii: "%"),
        UInt8(ascii: ":"), UInt8(ascii: "="):
        true
      case _: false
      }
    }
    if harmless, !text.isEmpty { return text }
    var result: [UInt8] = [UInt8(ascii: "'")]
    for byte in text.bytes {
      if byte == UInt8(ascii: "'") { result += Array("'\\''".utf8) } else { result.append(byte) }
    }
    result.append(UInt8(ascii: "'"))
    return ByteString(bytes: result)
  }
}
