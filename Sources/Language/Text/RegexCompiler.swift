/// A part of a regular expression; refers to its parts by index.
enum RegexNode {
  case empty
  case character(UInt32)
  case set(Int)
  case assertion(RegexAssertion)
  case group(Int, Int)
  case sequence([Int])
  case alternatives([Int])
  /// `maximum` is nil for any number.
  case repetition(Int, minimum: Int, maximum: Int?, isGreedy: Bool)
}

/// Writes the program of a regular expression.
struct RegexCompiler {
  let nodes: [RegexNode]
  private(set) var program: [RegexInstruction] = []
  /// Steps of the largest program; as large as Go admits within an order of magnitude.
  private static let limit = 1_000_000

  init(nodes: [RegexNode]) { self.nodes = nodes }

  mutating func compile(_ root: Int) throws(RegularExpressionError) {
    program.append(.save(0))
    try emit(root)
    program += [.save(1), .match]
  }

  /// Recursion is bounded by the nesting of groups, which the parser bounds.
  private mutating func emit(_ node: Int) throws(RegularExpressionError) {
    guard program.count < Self.limit else { throw RegularExpressionError(message: "expression too large") }
    switch nodes[node] {
    case .empty: break
    case .character(let value): program.append(.character(value))
    case .set(let index): program.append(.set(index))
    case .assertion(let assertion): program.append(.assertion(assertion))
    case .group(let index, let inner):
      program.append(.save(2 * index))
      try emit(inner)
      program.append(.save(2 * index + 1))
    case .sequence(let parts): for part in parts { try emit(part) }
    case .alternatives(let parts): try emitAlternatives(parts)
    case .repetition(let inner, let minimum, let maximum, let isGreedy):
      try emitRepetition(inner, minimum, maximum, isGreedy)
    }
  }

  private mutating func emitAlternatives(_ parts: [Int]) throws(RegularExpressionError) {
    var jumps: [Int] = []
    for part in parts.dropLast() {
      let split = reserve()
      try emit(part)
      jumps.append(reserve())
      program[split] = .split(split + 1, program.count)
    }
    try emit(parts[parts.count - 1])
    for jump in jumps { program[jump] = .jump(program.count) }
  }

  private mutating func emitRepetition(
    _ inner: Int, _ minimum: Int, _ maximum: Int?, _ isGreedy: Bool
  ) throws(RegularExpressionError) {
    guard let maximum else {
      // Of something that can be empty `x*` is `(x+)?`: else an empty round would lose against none.
      let isOptional = minimum == 0
      let split = isOptional ? reserve() : nil
      for _ in 1..<max(1, minimum) { try emit(inner) }
      let start = program.count
      try emit(inner)
      let loop = reserve()
      program[loop] = choice(start, program.count, isGreedy)
      if let split { program[split] = choice(split + 1, program.count, isGreedy) }
      return
    }
    for _ in 0..<minimum { try emit(inner) }
    var splits: [Int] = []
    for _ in minimum..<max(minimum, maximum) {
      splits.append(reserve())
      try emit(inner)
    }
    for split in splits { program[split] = choice(split + 1, program.count, isGreedy) }
  }

  private mutating func reserve() -> Int {
    program.append(.match)
    return program.count - 1
  }

  private func choice(_ first: Int, _ second: Int, _ isGreedy: Bool) -> RegexInstruction {
    isGreedy ? .split(first, second) : .split(second, first)
  }
}
