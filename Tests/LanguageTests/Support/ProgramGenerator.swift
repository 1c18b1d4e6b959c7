/// Numbers that a seed decides (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Writes well-typed programs. Every subexpression is between the marks `«` and `»`, so that a test can wrap any of them.
///
/// The programs are mostly total: indices are in range and divisors are not zero, but functions may be handed anything.
struct ProgramGenerator {
  indirect enum Shape: Hashable {
    case int, string, bool, list(Shape), pair(Shape, Shape), structure(Shape, Shape), map(Shape), choice

    var text: String {
      switch self {
      case .int: "int"
      case .string: "string"
      case .bool: "bool"
      case .list(let element): "[\(element.text)]"
      case .pair(let a, let b): "(\(a.text), \(b.text))"
      case .structure(let a, let b): "{p \(a.text), q \(b.text)}"
      case .map(let value): "[string:\(value.text)]"
      case .choice: "#Left(int) | #Right(string) | #None"
      }
    }
  }

  struct Variable {
    var name: String
    var shape: Shape
  }

  struct Function {
    var name: String
    var parameters: [Shape]
    var result: Shape
  }

  private var numbers: SeededNumbers
  private var variables: [Variable] = []
  private var functions: [Function] = []
  private var names = 0

  init(seed: UInt64) { numbers = SeededNumbers(seed: seed) }

  /// The text of a program that exports `Main`.
  mutating func program() -> String {
    // Variants by themselves have narrower types, with which a switch over all tags would not fit.
    var text =
      """
      type choice \(Shape.choice.text)
      func left(n int) choice = #Left(n)
      func right(s string) choice = #Right(s)
      func none(n int) choice = #None

      """
    for _ in 0..<Int.random(in: 1...3, using: &numbers) {
      let parameters = (0..<Int.random(in: 1...2, using: &numbers)).map { _ in shape(1) }
      let result = shape(1)
      let outer = variables
      let named = parameters.map { Variable(name: fresh("a"), shape: $0) }
      variables += named
      let body = expression(result, 3)
      variables = outer
      let function = Function(name: fresh("f"), parameters: parameters, result: result)
      let list = named.map { "\($0.name) \($0.shape.text)" }.joined(separator: ", ")
      text += "func \(function.name)(\(list)) = \(body)\n"
      functions.append(function)
    }
    for _ in 0..<Int.random(in: 1...4, using: &numbers) {
      let (definition, bound) = definition(3)
      text += definition + "\n"
      variables += bound
    }
    return text + "val Main = " + expression(shape(2), 4) + "\n"
  }

  private mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &numbers) }

  private mutating func fresh(_ letter: String) -> String {
    names += 1
    return "\(letter)\(names)"
  }

  private mutating func shape(_ depth: Int) -> Shape {
    switch pick(depth > 0 ? 9 : 4) {
    case 0, 1: .int
    case 2: .string
    case 3: .bool
    case 4: .list(shape(depth - 1))
    case 5: .pair(shape(depth - 1), shape(depth - 1))
    case 6: .structure(shape(depth - 1), shape(depth - 1))
    case 7: .map(shape(depth - 1))
    default: .choice
    }
  }

  private mutating func definition(_ depth: Int) -> (String, [Variable]) {
    switch pick(4) {
    case 0:
      let (a, b) = (Variable(name: fresh("x"), shape: shape(1)), Variable(name: fresh("x"), shape: shape(1)))
      return ("val (\(a.name), \(b.name)) = \(expression(.pair(a.shape, b.shape), depth))", [a, b])
    case 1:
      let (a, b) = (Variable(name: fresh("x"), shape: shape(1)), Variable(name: fresh("x"), shape: shape(1)))
      return ("val {q: \(b.name), p: \(a.name)} = \(expression(.structure(a.shape, b.shape), depth))", [a, b])
    case 2:
      let element = shape(1)
      let (head, tail) = (Variable(name: fresh("x"), shape: element), Variable(name: fresh("x"), shape: .list(element)))
      let list = "[\(expression(element, depth - 1))] + \(expression(.list(element), depth - 1))"
      return ("val [\(head.name), ...\(tail.name)] = «\(list)»", [head, tail])
    default:
      let variable = Variable(name: fresh("x"), shape: shape(2))
      return ("\(variable.name) := \(expression(variable.shape, depth))", [variable])
    }
  }

  /// An expression of a shape, marked.
  private mutating func expression(_ shape: Shape, _ depth: Int) -> String { "«\(bare(shape, depth))»" }

  private mutating func bare(_ shape: Shape, _ depth: Int) -> String {
    let usable = variables.filter { $0.shape == shape }
    if !usable.isEmpty, pick(depth > 0 ? 4 : 2) == 0 { return usable[pick(usable.count)].name }
    guard depth > 0 else { return leaf(shape) }
    switch pick(12) {
    case 0: return conditional(shape, depth)
    case 1: return block(shape, depth)
    case 2: return selection(shape, depth)
    case 3:
      let callable = functions.filter { $0.result == shape }
      guard !callable.isEmpty else { return made(shape, depth) }
      let function = callable[pick(callable.count)]
      let arguments = function.parameters.map { expression($0, depth - 1) }.joined(separator: ", ")
      return "\(function.name)(\(arguments))"
    case 4: return "{ val (y, _) = \(expression(.pair(shape, .int), depth - 1)); y }"
    case 5: return "\(expression(.structure(shape, .bool), depth - 1)).p"
    case 6:
      let elements = "[\(expression(shape, depth - 1)), \(expression(shape, depth - 1))]"
      return "«\(elements)»[«if \(expression(.bool, depth - 1)) { 0 } else { 1 }»]"
    case 7: return "\(expression(.int, depth - 1)) ~> \(expression(shape, depth - 1))"
    default: return made(shape, depth)
    }
  }

  private mutating func leaf(_ shape: Shape) -> String {
    switch shape {
    case .int: "\(pick(7) - 2)"
    case .string: "\"\(["", "a", "b", "ab"][pick(4)])\""
    case .bool: pick(2) == 0 ? "true" : "false"
    case .list(let element): "[\(leaf(element))]"
    case .pair(let a, let b): "(\(leaf(a)), \(leaf(b)))"
    case .structure(let a, let b): "{p: \(leaf(a)), q: \(leaf(b))}"
    case .map(let value): "[\"k\": \(leaf(value))]"
    case .choice: ["left(1)", "right(\"r\")", "none(0)"][pick(3)]
    }
  }

  private mutating func conditional(_ shape: Shape, _ depth: Int) -> String {
    "if \(expression(.bool, depth - 1)) { \(expression(shape, depth - 1)) } else { \(expression(shape, depth - 1)) }"
  }

  private mutating func block(_ shape: Shape, _ depth: Int) -> String {
    let outer = variables
    let (definition, bound) = definition(depth - 1)
    variables += bound
    let text = "{ \(definition); \(expression(shape, depth - 1)) }"
    variables = outer
    return text
  }

  private mutating func selection(_ shape: Shape, _ depth: Int) -> String {
    let (number, text) = (fresh("n"), fresh("s"))
    let outer = variables
    let scrutinee = expression(.choice, depth - 1)
    variables = outer + [Variable(name: number, shape: .int)]
    let left = expression(shape, depth - 1)
    variables = outer + [Variable(name: text, shape: .string)]
    let right = expression(shape, depth - 1)
    variables = outer
    let none = expression(shape, depth - 1)
    return
      "switch \(scrutinee) { case #Left(\(number)): \(left); case #Right(\(text)): \(right); case _: \(none) }"
  }

  /// An expression that makes a value of the shape.
  private mutating func made(_ shape: Shape, _ depth: Int) -> String {
    switch shape {
    case .int:
      switch pick(7) {
      case 0: return "\(expression(.int, depth - 1)) / 3"
      case 1: return "\(expression(.int, depth - 1)) % 5"
      case 2: return "len(\(expression(.list(.int), depth - 1)))"
      case 3: return fold(.int, "a + x", depth)
      case 4: return "len(\(expression(.string, depth - 1)))"
      default:
        return "\(expression(.int, depth - 1)) \(["+", "-", "*"][pick(3)]) \(expression(.int, depth - 1))"
      }
    case .string:
      if pick(3) == 0 { return fold(.string, "a + (if x > 1 { \"x\" } else { \"y\" })", depth) }
      return "\(expression(.string, depth - 1)) + \(expression(.string, depth - 1))"
    case .bool:
      switch pick(5) {
      case 0: return "!\(expression(.bool, depth - 1))"
      case 1: return "\(expression(.bool, depth - 1)) \(["&&", "||"][pick(2)]) \(expression(.bool, depth - 1))"
      case 2:
        let other = self.shape(1)
        return "\(expression(other, depth - 1)) == \(expression(other, depth - 1))"
      default:
        return "\(expression(.int, depth - 1)) \(["<", ">", "<=", ">=", "!="][pick(5)]) \(expression(.int, depth - 1))"
      }
    case .list(let element): return list(element, depth)
    case .pair(let a, let b): return "(\(expression(a, depth - 1)), \(expression(b, depth - 1)))"
    case .structure(let a, let b): return "{q: \(expression(b, depth - 1)), p: \(expression(a, depth - 1))}"
    case .map(let value):
      switch pick(3) {
      case 0: return "\(expression(.map(value), depth - 1)) + \(expression(.map(value), depth - 1))"
      case 1: return "map(\(expression(.list(.pair(.string, value)), depth - 1)))"
      default: return "[\(expression(.string, depth - 1)): \(expression(value, depth - 1))]"
      }
    case .choice:
      switch pick(3) {
      case 0: return "left(\(expression(.int, depth - 1)))"
      case 1: return "right(\(expression(.string, depth - 1)))"
      default: return "none(0)"
      }
    }
  }

  private mutating func fold(_ shape: Shape, _ body: String, _ depth: Int) -> String {
    "fold(func(a \(shape.text), x int) => «\(body)», \(expression(.list(.int), depth - 1)), "
      + "\(expression(shape, depth - 1)))"
  }

  private mutating func list(_ element: Shape, _ depth: Int) -> String {
    switch pick(5) {
    case 0: return "\(expression(.list(element), depth - 1)) + \(expression(.list(element), depth - 1))"
    case 1:
      return "flatten([\(expression(.list(element), depth - 1)), \(expression(.list(element), depth - 1))])"
    case 2, 3:
      let source = shape(1)
      let outer = variables
      let item = fresh("i")
      let from: String
      if pick(2) == 0 {
        from = "\(item) <- \(expression(.list(source), depth - 1))"
      } else {
        from = "(_, \(item)) <- \(expression(.map(source), depth - 1))"
      }
      variables.append(Variable(name: item, shape: source))
      let filter = pick(2) == 0 ? ", if \(expression(.bool, depth - 1))" : ""
      let text = "[\(expression(element, depth - 1)) | \(from)\(filter)]"
      variables = outer
      return text
    default: return "[\(expression(element, depth - 1)), \(expression(element, depth - 1))]"
    }
  }
}
