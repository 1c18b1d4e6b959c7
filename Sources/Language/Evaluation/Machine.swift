import BuildGraph
import Diagnostics

/// Bounds of an evaluation; beyond them a program gets a diagnostic.
package struct EvaluationLimits: Hashable, Sendable {
  /// Calls within calls; delayed computations that make others may be a quarter as deep.
  package var depth: Int
  /// Elements of a list.
  package var elements: Int
  /// Bytes of a string.
  package var stringBytes: Int
  /// Errors after which no more are looked for.
  package var failures: Int
  /// Bytes of a file made by `files.Create`.
  package var createdBytes: Int

  package init(
    depth: Int = 1_000_000, elements: Int = 50_000_000, stringBytes: Int = 1 << 30, failures: Int = 100,
    createdBytes: Int = 10 << 20
  ) {
    self.depth = depth
    self.elements = elements
    self.stringBytes = stringBytes
    self.failures = failures
    self.createdBytes = createdBytes
  }
}

/// Runs code. All that a run needs lies in its own stacks, so no program can exhaust the stack of the thread.
struct Machine {
  /// A unit that is being run.
  struct Activation {
    var code: CodeUnit
    var position: Int
    /// Where to stop, or -1 to run to the unit's end.
    var end: Int
    var frame: Frame
    /// The heights of the stack and of the collectors when it began.
    var height: Int
    var collectors: Int
    /// Index in ``Machine/requirements``.
    var requirement: Int32
  }

  /// The list of a comprehension as far as it is made.
  struct Collector {
    /// Finished pieces, some of them delayed lists, and after them the elements.
    var pieces: [Value] = []
    var elements: ContiguousArray<Value> = []

    mutating func append(piece: Value) {
      if !elements.isEmpty {
        pieces.append(.list(elements))
        elements = []
      }
      pieces.append(piece)
    }
  }

  let limits: EvaluationLimits
  let resolve: (ByteString) -> Source.Place
  var graph = FlowGraph()
  var symbols = SymbolTable()
  let graveyard = Graveyard()
  let loops = FrameLoops()

  // The running unit, those that wait for it to return, and the operands of all of them.
  var current: Activation
  var activations: ContiguousArray<Activation> = []
  var stack: ContiguousArray<Value> = []
  var collectors: [Collector] = []
  /// What `@requires` asks for around the running expression; the first is nothing.
  var requirements: [Resources] = [Resources()]
  /// The depth of the node that is being run.
  var nodeDepth: Int32 = 0

  var nodes: ContiguousArray<Node> = []
  /// Nodes that can go on, first come, first served.
  var ready: [NodeID] = []
  var needNodes: [Need: NodeID] = [:]
  var answers = NeedAnswers()
  /// Every need in the order in which it arose.
  var dependencies: [Need] = []
  /// Needs that the caller has not been told of.
  var unasked: [Need] = []
  var requested = NeedSet()
  /// Where the goal is declared that is being printed.
  var goalRange: SourceRange?
  var goalName: String?
  /// Needs that have arisen and are not answered; and those of them that need no step.
  var outstanding = 0
  var outstandingSources = 0
  /// Where a source was named first.
  var presenceRanges: [SourceID: SourceRange?] = [:]
  var listings: [ArtifactReference: MapNode?] = [:]
  var expressions: [ByteString: RegularExpression] = [:]
  /// By whether `**` is meant.
  var globs: [Bool: [ByteString: Glob]] = [:]

  /// Whether floats are doubles only, as in rows.
  var roundsFloats = false
  /// Relations by key, so that equal ones are one.
  var relations: [Digest: Relation] = [:]
  /// How many variables of loops there are.
  var loopCount = 0

  var failures: [Diagnostic] = []
  var knownFailures: Set<Diagnostic> = []
  var hasReportedFailure = false
  var traces: [Diagnostic] = []
  var modules: [ObjectIdentifier: ModuleCode] = [:]
  var systemModules: [String: Record] = [:]

  init(limits: EvaluationLimits, resolve: @escaping (ByteString) -> Source.Place, root: CheckedModule) {
    self.limits = limits
    self.resolve = resolve
    let code = Compiler.compile(root, symbols: &symbols)
    modules[ObjectIdentifier(root)] = code
    let frame = Frame(code.main.slotCount, parent: nil, graveyard: graveyard)
    current = Activation(code: code.main, position: 0, end: -1, frame: frame, height: 0, collectors: 0, requirement: 0)
  }

  /// A machine that applies one function to rows.
  init(rowsOf function: RowFunction) {
    limits = function.limits
    resolve = { .unmapped(url: $0) }
    symbols = function.symbols
    roundsFloats = true
    current = Activation(
      code: function.closure.code, position: 0, end: -1, frame: function.closure.frame, height: 0, collectors: 0,
      requirement: 0)
  }

  // MARK: Running

  /// Runs what is current, until it ends.
  ///
  /// - Returns: its value.
  mutating func run(collects: Bool = false) throws(Failure) -> Value {
    let stackHeight = stack.count
    if collects { collectors.append(Collector()) }
    while true {
      do {
        let value = try execute()
        return value
      } catch {
        try recover(error, stackHeight: stackHeight)
      }
    }
  }

  /// Goes on behind the innermost declaration of a module, leaving its variables failed; so that one mistake does not hide
  /// others.
  private mutating func recover(_ failure: Failure, stackHeight: Int) throws(Failure) {
    while true {
      if current.end < 0, current.code === current.code.module.main, failures.count < limits.failures {
        let position = current.position - 1
        if let declaration = current.code.declarations.first(where: { $0.range.contains(position) }) {
          let poison = add(Node(state: .failed(failure)))
          for slot in declaration.slots { current.frame.slots[slot] = .delayed(poison) }
          collectors.removeLast(collectors.count - current.collectors)
          current.requirement = 0
          stack.removeLast(stack.count - current.height)
          current.position = declaration.range.upperBound
          return
        }
      }
      guard let caller = activations.popLast() else { break }
      current = caller
    }
    stack.removeLast(max(0, stack.count - stackHeight))
    collectors = []
    throw failure
  }

  /// - Complexity: what the program costs.
  private mutating func execute() throws(Failure) -> Value {
    var instructions = current.code.instructions
    while true {
      if current.position == current.end { return finishRegion() }
      let instruction = instructions[current.position]
      current.position += 1
      switch instruction {
      case .constant(let index): stack.append(current.code.module.constants[Int(index)])
      case .local(let slot): stack.append(current.frame.slots[Int(slot)])
      case .outer(let depth, let slot):
        var frame = current.frame
        for _ in 0..<depth {
          guard let parent = frame.parent else { preconditionFailure("a variable lies in an enclosing unit") }
          frame = parent
        }
        stack.append(frame.slots[Int(slot)])
      case .store(let slot):
        let value = pop()
        loops.note(value, in: current.frame)
        current.frame.slots[Int(slot)] = value
      case .bind(let matcher): try bind(pop(), current.code.module.matchers[Int(matcher)])
      case .jump(let target): current.position = Int(target)
      case .branch(let otherwise, let end): branch(otherwise: Int(otherwise), end: Int(end))
      case .select(let table): try select(current.code.module.selections[Int(table)])

      case .unary(let op): unary(op)
      case .binary(let op, let type): try binary(op, type: type)
      case .sequence(let end): try sequence(end: Int(end))
      case .index: try index()
      case .slice(let hasLower, let hasUpper): try slice(hasLower: hasLower, hasUpper: hasUpper)
      case .member(let name): member(name)
      case .toInteger: toInteger()
      case .toFloat: toFloat()

      case .tuple(let count): stack.append(.tuple(TupleValue(pop(Int(count)))))
      case .record(let shape):
        let shape = current.code.module.shapes[Int(shape)]
        stack.append(.record(Record(shape, pop(shape.names.count))))
      case .list(let count): stack.append(.list(pop(Int(count))))
      case .map(let count): try makeMap(pairs: Int(count))
      case .mergeUnder: mergeUnder()
      case .variant(let tag, let hasElement):
        let element = hasElement ? pop() : nil
        stack.append(.variant(VariantValue(tag, element)))
      case .closure(let unit):
        stack.append(.closure(Closure(current.code.module.units[Int(unit)], current.frame)))

      case .call(let count):
        if try call(Int(count)) { instructions = current.code.instructions }
      case .builtin(let builtin, let count, let type): try perform(builtin, Int(count), type: type)
      case .system(let function, let count, let type): try perform(function, Int(count), type: type)

      case .foldStart(let end): foldStart(end: Int(end))
      case .reduceStart(let end): try reduceStart(end: Int(end))
      case .foldNext(let end): foldNext(end: Int(end))
      case .foldStep(let start): foldStep(start: Int(start))
      case .sortStart(let end): sortStart(end: Int(end))
      case .sortNext(let finish): sortNext(finish: Int(finish))
      case .sortStep(let start): sortStep(start: Int(start))
      case .sortFinish: sortFinish()

      case .collect: collectors.append(Collector())
      case .iterate(let end): try iterate(end: Int(end))
      case .iterateNext(let unit, let end):
        if try iterateNext(unit: Int(unit), end: Int(end)) { instructions = current.code.instructions }
      case .filter(let end): filter(end: Int(end))
      case .yield: collectors[collectors.count - 1].elements.append(pop())
      case .endIteration:
        guard let caller = activations.popLast() else { preconditionFailure("a loop's unit has a caller") }
        current = caller
        instructions = current.code.instructions
      case .collected: stack.append(finishCollector())

      case .relate(let index): try relate(current.code.module.relations[Int(index)])
      case .fixpointStart(let index, let end):
        try fixpointStart(current.code.module.relations[Int(index)], end: Int(end))
      case .fixpointEnd(let index): try fixpointEnd(current.code.module.relations[Int(index)])
      case .exec(let index): try exec(current.code.module.execs[Int(index)])
      case .make(let index):
        if try make(current.code.module.makes[Int(index)]) { instructions = current.code.instructions }
      case .parameter(let slot, let given):
        if case .absent = current.frame.slots[Int(slot)] { continue }
        current.position = Int(given)
      case .missingParameter(let slot):
        let name = current.code.module.checked.params[Int(slot)].name
        throw fail(.missingParameter, "missing required parameter \(name)")
      case .enterRequirements(let index): try enterRequirements(current.code.module.requirements[Int(index)])
      case .leaveRequirements: leaveRequirements()
      case .endModule:
        stack.append(moduleValue())
        if let value = leave() { return value }
        instructions = current.code.instructions
      case .return:
        if let value = leave() { return value }
        instructions = current.code.instructions
      }
    }
  }

  /// Returns to the caller, to whom the value on the stack then belongs.
  ///
  /// - Returns: the value, if there is no caller.
  private mutating func leave() -> Value? {
    guard let caller = activations.popLast() else { return pop() }
    current = caller
    return nil
  }

  private mutating func finishRegion() -> Value {
    if let suspended = resumed, suspended.collects { return finishCollector() }
    return pop()
  }

  /// The suspension that is being run.
  var resumed: Suspension?

  private mutating func finishCollector() -> Value {
    var collector = collectors.removeLast()
    if collector.pieces.isEmpty { return .list(collector.elements) }
    if !collector.elements.isEmpty { collector.pieces.append(.list(collector.elements)) }
    return .delayed(add(Node(state: .idle(.concatenate(collector.pieces)))))
  }

  private func moduleValue() -> Value {
    let exports = current.code.module.exports
    return .record(Record(exports.shape, ContiguousArray(exports.slots.map { current.frame.slots[$0] })))
  }

  // MARK: Stack

  mutating func pop() -> Value { stack.removeLast() }

  /// The top values, the lowest first.
  mutating func pop(_ count: Int) -> ContiguousArray<Value> {
    let result = ContiguousArray(stack.suffix(count))
    stack.removeLast(count)
    return result
  }

  /// The n-th value from the top, which is 0, with what is known of it.
  mutating func operand(_ depth: Int) -> Value {
    let index = stack.count - 1 - depth
    guard case .delayed = stack[index] else { return stack[index] }
    let value = resolved(stack[index])
    stack[index] = value
    return value
  }

  /// Puts off the current instruction, and all up to `end`, until the nodes are done.
  mutating func suspend(_ operands: Int, end: Int? = nil, on dependencies: [NodeID], collects: Bool = false) {
    let suspension = Suspension(
      code: current.code, position: current.position - 1, end: end ?? current.position, frame: current.frame,
      operands: Array(pop(operands)), collects: collects, requirement: current.requirement,
      dependencies: dependencies, depth: nodeDepth + 1)
    let node = add(Node(state: .idle(.resume(suspension))))
    current.position = end ?? current.position
    if collects {
      collectors[collectors.count - 1].append(piece: .delayed(node))
    } else {
      stack.append(.delayed(node))
    }
  }
}
