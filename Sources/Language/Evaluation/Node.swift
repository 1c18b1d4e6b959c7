import BuildGraph

/// Why a computation has no value: a diagnostic of this evaluation, or something the user knows already.
enum Failure: Error {
  /// Index in ``Machine/failures``.
  case diagnostic(Int)
  /// A step failed, and the build has said so.
  case reported
}

/// An expression that was put off until other nodes are done: the machine resumes it where it stopped.
final class Suspension {
  let code: CodeUnit
  /// The instruction to resume at; it finds `operands` on the stack.
  let position: Int
  /// Where the expression ends. Its value is then on the stack, or in the collector.
  let end: Int
  let frame: Frame
  let operands: [Value]
  /// Whether it is a part of a comprehension: its value is the list of what it yields.
  let collects: Bool
  let requirement: Int32
  let dependencies: [NodeID]
  /// Length of the chain of nodes that made nodes, this one included.
  let depth: Int32

  init(
    code: CodeUnit, position: Int, end: Int, frame: Frame, operands: [Value], collects: Bool, requirement: Int32,
    dependencies: [NodeID], depth: Int32
  ) {
    self.code = code
    self.position = position
    self.end = end
    self.frame = frame
    self.operands = operands
    self.collects = collects
    self.requirement = requirement
    self.dependencies = dependencies
    self.depth = depth
  }
}

/// A part of a value that a pattern names, taken when the value is there.
final class Projection {
  enum Part {
    case tuple(Int)
    case field(Symbol)
    /// An element of a list that must have `count` elements, or at least so many.
    case element(Int, count: Int, isExact: Bool)
    case tail(count: Int)
    case variant(Symbol)
  }

  let whole: Value
  let part: Part
  let code: CodeUnit
  let origin: Int32

  init(whole: Value, part: Part, code: CodeUnit, origin: Int32) {
    self.whole = whole
    self.part = part
    self.code = code
    self.origin = origin
  }
}

/// Something that must be done before a node has a value.
enum Work {
  case resume(Suspension)
  case project(Projection)
  /// `delay(x)`, or a node whose value turned out to be another's.
  case alias(Value)
  /// The concatenation of lists, some of them delayed.
  case concatenate([Value])
  case need(Need)
  /// Down to the last element.
  case force(Value)
}

/// A delayed value: what must be done for it, or what came of it.
struct Node {
  enum State {
    /// Nobody has asked for it.
    case idle(Work)
    /// Waits for so many others.
    case waiting(Work, remaining: Int)
    /// The caller has been asked.
    case asked
    case done(Value)
    case failed(Failure)
  }

  var state: State
  /// Those that wait for it, in the order in which they began to.
  var dependents: [NodeID] = []
}

/// What an operation that may need more than it has came to.
enum Progress {
  case value(Value)
  case wait([NodeID])
}
