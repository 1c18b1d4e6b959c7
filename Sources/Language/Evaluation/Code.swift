import BuildGraph
import Diagnostics

/// The code of a function, of the body of a comprehension's clause, or of a module.
///
/// Each run of it has a ``Frame`` with `slotCount` variables, each of which is assigned at most once: so whoever holds
/// the frame, a function or an expression that was put off, sees what was in scope where it was written.
final class CodeUnit {
  /// What the program calls it, for traces; empty at the top level.
  let name: String
  unowned(unsafe) let module: ModuleCode
  var instructions: [Instruction] = []
  /// By instruction: the expression (0 and up) or pattern (-1 and down) that it comes from.
  var origins: [Int32] = []
  /// What is being declared, from an instruction on; ascending.
  var names: [(start: Int, name: String)] = []
  /// In a module's unit: what is evaluated independently of the rest.
  var declarations: [DeclarationCode] = []
  var slotCount = 0
  var parameterCount = 0
  /// Whether it is a function, and not a module or the body of a comprehension's clause.
  var isFunction = false

  struct DeclarationCode {
    var range: Range<Int>
    /// The variables that it binds.
    var slots: Range<Int>
  }

  init(name: String, module: ModuleCode) {
    self.name = name
    self.module = module
  }

  /// The declared name around an instruction.
  func declaredName(at position: Int) -> String {
    var low = 0
    var high = names.count
    while low < high {
      let middle = (low + high) / 2
      if names[middle].start <= position { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? name : names[low - 1].name
  }

  func range(at position: Int) -> SourceRange? {
    guard origins.indices.contains(position) else { return nil }
    return module.range(of: origins[position])
  }
}

/// A compiled module: its units and the tables that their instructions point into.
final class ModuleCode {
  let checked: CheckedModule
  var units: [CodeUnit] = []
  var constants: [Value] = []
  var shapes: [Shape] = []
  var types: [Type] = []
  var matchers: [Matcher] = []
  var selections: [Selection] = []
  var execs: [ExecCode] = []
  var makes: [MakeCode] = []
  var relations: [RelationCode] = []
  var requirements: [[String]] = []
  /// What a module value holds, by name and slot.
  var exports: (shape: Shape, slots: [Int]) = (Shape([]), [])

  struct Selection {
    var cases: [(matcher: Int, target: Int)] = []
    var end = 0
  }

  struct ExecCode {
    enum Part {
      case text(ByteString)
      /// The n-th operand.
      case value(Int)
      case output(Int)
    }

    /// The names of the arguments, which are the first operands.
    var arguments: [String]
    var parts: [Part]
    var operandCount: Int
    var outputs: [Exec.Output]
    var name: String
    var location: ProgramLocation?
  }

  struct MakeCode {
    var target: CheckedModule.Import
    /// The parameters that are given, in the order of the operands.
    var arguments: [String]
    var name: String
  }

  init(checked: CheckedModule) { self.checked = checked }

  /// The unit that evaluates the module.
  var main: CodeUnit { units[0] }

  func range(of origin: Int32) -> SourceRange? {
    let tree = checked.tree
    let span: TokenSpan
    if origin >= 0 {
      guard Int(origin) < tree.expressions.count else { return nil }
      span = tree.expressions[Int(origin)].span
    } else {
      guard Int(-1 - origin) < tree.patterns.count else { return nil }
      span = tree.patterns[Int(-1 - origin)].span
    }
    guard tree.tokens.indices.contains(Int(span.first)), tree.tokens.indices.contains(Int(span.last)) else {
      return nil
    }
    return SourceRange(
      tree.source, Int(tree.tokens[Int(span.first)].lower), Int(tree.tokens[Int(span.last)].upper))
  }

  func location(of origin: Int32) -> ProgramLocation? {
    guard let range = range(of: origin) else { return nil }
    return ProgramLocation(file: range.file.name, line: range.start.line, column: range.start.column)
  }
}

/// A pattern, flattened; the root is the first node.
struct Matcher {
  enum Node {
    case wildcard
    case bind(slot: Int)
    case tuple([Int])
    case list([Int], tail: Tail)
    case record([(name: Symbol, node: Int)])
    case variant(Symbol, Int?)
    case literal(Value)
  }

  enum Tail {
    case none
    case anything
    case node(Int)
  }

  var nodes: [Node]
  var origins: [Int32]
}

/// The variables of one run of a unit.
///
/// A chain of closures over frames over closures may be as long as a program runs; frames are therefore taken apart through
/// a ``Graveyard`` and never by deep recursion.
final class Frame {
  let parent: Frame?
  private let graveyard: Graveyard
  var slots: ContiguousArray<Value>
  /// Of a module's frame: what its steps' names begin with, ending in a point, or nothing.
  let prefix: String

  init(_ count: Int, parent: Frame?, graveyard: Graveyard, prefix: String = "") {
    self.parent = parent
    self.graveyard = graveyard
    self.prefix = prefix
    slots = ContiguousArray(repeating: .absent, count: count)
    graveyard.frames += 1
  }

  /// The name that the module was made under.
  var modulePrefix: String {
    var frame = self
    while let parent = frame.parent { frame = parent }
    return frame.prefix
  }

  /// Lets go of all variables: nothing will read them any more.
  fileprivate func clear() { graveyard.bury(&slots) }

  deinit {
    graveyard.frames -= 1
    graveyard.bury(&slots)
  }
}

/// Takes apart, when an evaluation goes, the frames that would keep themselves alive: those that hold a function written in them.
final class FrameLoops {
  private var frames: [Frame] = []

  /// Notes that a variable of `frame` gets `value`.
  func note(_ value: Value, in frame: Frame) {
    guard case .closure(let closure) = value, closure.frame === frame, frames.last !== frame else { return }
    frames.append(frame)
  }

  deinit { for frame in frames { frame.clear() } }
}

/// Frees the contents of frames with a bounded depth of recursion.
final class Graveyard {
  private var depth = 0
  private var remains: [ContiguousArray<Value>] = []
  /// How many frames there are; they lie here, if not before, when the evaluation goes.
  fileprivate(set) var frames = 0

  fileprivate func bury(_ slots: inout ContiguousArray<Value>) {
    guard depth < 64 else { return remains.append(slots) }
    depth += 1
    slots = []
    if depth == 1 {
      while let next = remains.popLast() { _ = consume next }
    }
    depth -= 1
  }
}
