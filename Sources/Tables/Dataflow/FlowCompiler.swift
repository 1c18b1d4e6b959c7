import BuildGraph
import Differential
import Language

/// Tells nodes of relations apart. What depends on no loop's variable is the same wherever it is mentioned; the keys of other nodes
/// have a meaning in their loop only.
enum NodeKey: Hashable {
  case whole(Digest)
  case inLoop(ObjectIdentifier)

  init(_ relation: Relation) {
    self = relation.loops.isEmpty ? .whole(relation.key) : .inLoop(ObjectIdentifier(relation))
  }
}

/// Makes a dataflow of relations.
///
/// Each node becomes operators in the innermost loop whose variable it depends on, so that what does not change in a loop is
/// arranged once, outside. Nodes that occur several times are made once. A row expression that has no value for a row puts a record
/// in the collection of errors instead, also of errors that only some rounds of a loop have: while it is not empty the result
/// counts for nothing, and the evaluator from nothing decides.
final class FlowCompiler {
  let flow = Dataflow<UInt32>()
  let evaluator: RowEvaluator
  let errors = ErrorTable()
  /// In the order of first mention.
  private(set) var sources: [RelationFlow.Source] = []
  private(set) var literals: [(input: Input<Words, UInt32, Int>, rows: LiteralRows, kinds: [ColumnKind])] = []
  private(set) var guards: [LoopGuard] = []
  private(set) var labelOrders: [LabelOrder] = []
  /// Whether what cannot matter any more, as long as files only grow, is forgotten.
  let forgets: Bool
  var forgetting: [any Forgetting] = []
  /// Complaints of rows, each with the rounds in which it is made, by the node that makes them.
  private(set) var complaints: [NodeKey: [Multiset<Words, UInt32, Int>]] = [:]

  /// What each node hands on, in the order of making.
  private(set) var tallies: [(node: NodeKey, tally: NodeTally)] = []

  private var known: [NodeKey: PlacedRows] = [:]
  /// The nodes that are being compiled, from the outermost.
  private var open: [NodeKey] = []
  private var collections: [FileTable: Multiset<Words, UInt32, Int>] = [:]
  private var indices: [IndexKey: PlacedIndex] = [:]
  /// The loops around, from the outermost; and what their variables are.
  private var loops: [RuntimeLoop] = []
  private var depths: [LoopID: Int] = [:]
  private var variables: [LoopID: PlacedRows] = [:]
  /// Of variables that are arranged already.
  private var arrangedVariables: [LoopID: (key: [Int], keep: [Int], index: PlacedIndex)] = [:]
  private let roundLimit: Int
  private let readers: FileReaders

  /// What an arrangement of a relation's rows is. Functions go by the columns that they select, wherever their generator stands.
  private struct IndexKey: Hashable {
    enum Function: Hashable {
      case columns([Int])
      case other(Digest)
    }

    var relation: NodeKey
    var functions: [Function]
    var keep: [Int]

    init(_ relation: Relation, _ functions: [RowFunction], keep: [Int]) {
      self.relation = NodeKey(relation)
      self.functions = functions.map { function in
        guard let selection = function.selection else { return .other(function.key) }
        return .columns(selection.map { function.inputs[$0].column })
      }
      self.keep = keep
    }

    /// The columns that make the key, if functions do nothing but select.
    var columns: [Int]? {
      var columns: [Int] = []
      for function in functions {
        guard case .columns(let its) = function else { return nil }
        columns += its
      }
      return columns
    }
  }

  init(_ evaluator: RowEvaluator, roundLimit: Int, forgets: Bool, readers: FileReaders) {
    self.forgets = forgets
    self.readers = readers
    self.evaluator = evaluator
    self.roundLimit = roundLimit
  }

  // MARK: Nodes

  /// The rows of a relation that depends on no loop's variable.
  func rows(of relation: Relation) throws(Unsupported) -> Multiset<Words, UInt32, Int> {
    guard case .root(let rows) = try compile(relation) else { throw Unsupported.form("a loop's variable outside it") }
    return rows
  }

  /// How many loops a relation is in: the place of the innermost whose variable it mentions.
  private func depth(of relation: Relation) throws(Unsupported) -> Int {
    var depth = 0
    for loop in relation.loops {
      guard let its = depths[loop] else { throw Unsupported.form("a loop's variable outside it") }
      depth = max(depth, its)
    }
    return depth
  }

  func compile(_ relation: Relation) throws(Unsupported) -> PlacedRows {
    let key = NodeKey(relation)
    if let rows = known[key] { return rows }
    let depth = try depth(of: relation)
    let around = loops
    loops = Array(loops.prefix(depth))
    open.append(key)
    defer {
      loops = around
      open.removeLast()
    }
    let rows = try compile(relation.operation, relation)
    known[key] = rows
    count(rows, of: key)
    return rows
  }

  /// Counts what a node hands on: a run of updates at a time, on their way, so that nothing is kept for it.
  private func count(_ rows: PlacedRows, of node: NodeKey) {
    switch rows {
    case .root(let rows):
      let tally = NodeTally(isPassing: false)
      tallies.append((node, tally))
      _ = rows.inspectRuns { updates in
        var (sum, all) = (0, 0)
        for index in 0..<updates.count {
          let difference = updates.difference(at: index)
          sum += difference
          all += abs(difference)
        }
        tally.see(all, sum: sum)
      }
    case .loop(let rows, _):
      let tally = NodeTally(isPassing: true)
      tallies.append((node, tally))
      _ = rows.inspectRuns { tally.see($0.count, sum: 0) }
    }
  }

  private func compile(_ operation: RelationalOperation, _ relation: Relation) throws(Unsupported) -> PlacedRows {
    switch operation {
    case .files(let table):
      if let rows = collections[table] { return .root(rows) }
      let (input, rows) = flow.input(Words.self)
      sources.append(RelationFlow.Source(table, nil, input))
      collections[table] = rows
      return .root(rows)
    case .literal(let rows):
      let (input, collection) = flow.input(Words.self)
      literals.append((input, rows, relation.columns.map(\.kind)))
      return .root(collection)
    case .loop(let id):
      guard let rows = variables[id] else { throw Unsupported.form("a loop's variable outside it") }
      return rows
    case .project(let inner, let columns):
      return apply(RowStage([], .project(columns), errors), to: try compile(inner))
    case .union(let parts):
      var placed: [PlacedRows] = []
      for part in parts { placed.append(try compile(part)) }
      let depth = placed.reduce(0) { max($0, $1.depth) }
      var sum = lift(placed[0], to: depth)
      for part in placed.dropFirst() { sum = concat(sum, lift(part, to: depth)) }
      return sum
    case .distinct(let inner): return distinct(try compile(inner))
    case .comprehension(let comprehension):
      var compiler = ComprehensionCompiler(comprehension, self)
      return try compiler.compile()
    case .semijoin(let join): return try compile(join)
    case .fixpoint(let fixpoint): return try compile(fixpoint)
    }
  }

  /// The rows that a stage makes of the records of files, where nothing else than the node that is being compiled reads these.
  ///
  /// - Parameter make: makes the stage, with an evaluator for it and what counts the records; nil if there is none.
  func rows(
    of files: Relation, _ make: (RowEvaluator, PassingStrings, NodeTally) -> RecordStage?
  ) -> Multiset<Words, UInt32, Int>? {
    guard case .files(let table) = files.operation, let node = open.last, readers.onlyReader(of: table) == node,
      let strings = evaluator.strings as? StringDictionary
    else { return nil }
    let passing = PassingStrings(strings)
    let tally = NodeTally(isPassing: true)
    guard let stage = make(RowEvaluator(strings: passing), passing, tally) else { return nil }
    passing.isOfProgram = false
    tallies.append((NodeKey(files), tally))
    let (input, rows) = flow.input(Words.self)
    sources.append(RelationFlow.Source(table, stage, input))
    return rows
  }

  private func compile(_ join: Semijoin) throws(Unsupported) -> PlacedRows {
    let width = join.left.columns.count
    let left = try compile(join.left)
    let keys = distinct(
      apply(
        RowStage([], .function(function(join.rightKey, join.right.columns.count)), errors), to: try compile(join.right))
    )
    let right = arrangeBySelf(keys)
    let leftIndex = try index(
      of: join.left, left, [join.leftKey], BindingLayout(generator: 0, width: width), keep: Array(0..<width))
    let splice = Splice(width, 0)
    let matches = self.join(leftIndex, right) { splice($0, $1) }
    if join.keepsMatches { return matches }
    return subtract(lift(left, to: matches.depth), matches)
  }

  // MARK: Loops

  private func compile(_ fixpoint: Fixpoint) throws(Unsupported) -> PlacedRows {
    guard loops.count < LoopTime.depthLimit else { throw Unsupported.form("loops nested deeper than 3") }
    let depth = loops.count
    if let labels = LeastLabels(fixpoint) { return try compile(labels, fixpoint) }
    var seed = lift(try compile(fixpoint.seed), to: depth)
    let width = fixpoint.seed.columns.count
    if let priority = fixpoint.priority {
      let layout = BindingLayout(generator: 0, width: width)
      let stage = PriorityStage(BindingFunction(priority, layout, evaluator), width, priority.location, errors)
      seed = apply(stage, to: seed)
    }
    depths[fixpoint.loop] = depth + 1
    defer { depths[fixpoint.loop] = nil }
    let loopGuard = LoopGuard(
      isOutermost: depth == 0, roundLimit: roundLimit, fixpoint.seed.columns.map(\.kind), evaluator.strings)
    guards.append(loopGuard)
    switch seed {
    case .root(let rows):
      return .root(
        try flow.root.runtimeLoop { (loop) throws(Unsupported) in
          let body = try self.body(of: fixpoint, loop, rows.enter(loop), width, loopGuard)
          return body.leave(loop, to: flow.root)
        })
    case .loop(let rows, _):
      let around = loops[depth - 1]
      return .loop(
        try around.inner { (loop) throws(Unsupported) in
          let body = try self.body(of: fixpoint, loop, rows.enter(loop), width, loopGuard)
          return body.leave(loop, to: around)
        }, depth: depth)
    }
  }

  private func body(
    of fixpoint: Fixpoint, _ loop: RuntimeLoop, _ seed: Multiset<Words, LoopTime, Int>, _ width: Int,
    _ loopGuard: LoopGuard
  ) throws(Unsupported) -> Multiset<Words, LoopTime, Int> {
    var start = seed
    if fixpoint.priority != nil {
      let withoutPriority = RowStage([], .project(Array(1..<width + 1)), errors)
      start = run(seed.delayed(in: loop) { UInt32(truncatingIfNeeded: $0[0]) }, withoutPriority)
    }
    let variable = RuntimeVariable(loop, from: start)
    _ = variable.collection.inspect { [loopGuard] update in
      loopGuard.see(update.data, round: update.time.round(of: loop.index), update.difference)
    }
    let around = loops
    loops.append(loop)
    defer { loops = around }
    let depth = loops.count
    variables[fixpoint.loop] = .loop(variable.collection, depth: depth)
    defer { variables[fixpoint.loop] = nil }
    guard case .loop(let body, _) = lift(try compile(fixpoint.body), to: depth) else {
      throw Unsupported.form("a loop's body outside it")
    }
    let result = body.consolidate()
    variable.set(result)
    return result
  }

  private func compile(_ labels: LeastLabels, _ fixpoint: Fixpoint) throws(Unsupported) -> PlacedRows {
    let depth = loops.count
    let order = LabelOrder(labels.kind, roundLimit: roundLimit)
    labelOrders.append(order)
    var sources: [(rows: PlacedRows, stage: LabelStage)] = []
    for part in labels.sources {
      sources.append((lift(try compile(part.relation), to: depth), LabelStage(part, labels.kind)))
    }
    depths[fixpoint.loop] = depth + 1
    defer { depths[fixpoint.loop] = nil }
    if depth == 0 {
      return .root(
        try flow.root.runtimeLoop { (loop) throws(Unsupported) in
          var entered: Multiset<Pair<Words, Words>, LoopTime, Int>?
          for (rows, stage) in sources {
            guard case .root(let rows) = rows else { preconditionFailure("outside of loops") }
            let its = rows.map { stage($0) }.enter(loop)
            entered = entered.map { $0.concat(its) } ?? its
          }
          return try self.leastLabels(of: labels, fixpoint, loop, entered, order).leave(loop, to: flow.root)
        })
    }
    let around = loops[depth - 1]
    return .loop(
      try around.inner { (loop) throws(Unsupported) in
        var entered: Multiset<Pair<Words, Words>, LoopTime, Int>?
        for (rows, stage) in sources {
          guard case .loop(let rows, _) = rows else { preconditionFailure("lifted into the loop around") }
          let its = rows.map { stage($0) }.enter(loop)
          entered = entered.map { $0.concat(its) } ?? its
        }
        return try self.leastLabels(of: labels, fixpoint, loop, entered, order).leave(loop, to: around)
      }, depth: depth)
  }

  /// The loop goes round by what is handed on, so that the trace of the least labels is read by what follows, without a second one.
  private func leastLabels(
    of labels: LeastLabels, _ fixpoint: Fixpoint, _ loop: RuntimeLoop,
    _ sources: Multiset<Pair<Words, Words>, LoopTime, Int>?, _ order: LabelOrder
  ) throws(Unsupported) -> Multiset<Words, LoopTime, Int> {
    let handedOn = RuntimeVariable<Pair<Words, Words>, Int>(loop, isBuffered: false)
    var labelled = handedOn.collection
    if let sources {
      labelled = labelled.concat(sources.delayed(in: loop) { order.round($0.second[0]) })
    }
    let least = labelled.arrangeByKey().reduceArranged(by: GroupReduction(GroupReducer(.least(labels.kind))))
    let placing = Placing(labels.keyColumns, labels.labelColumn)
    let rows = least.asCollection { placing($0, $1) }
    _ = rows.inspect { [order, column = labels.labelColumn, kind = labels.kind] update in
      order.see(ExtremeStage.ordered(update.data[column], kind), in: update.time.round(of: loop.index))
    }
    let around = loops
    loops.append(loop)
    defer { loops = around }
    let depth = loops.count
    variables[fixpoint.loop] = .loop(rows, depth: depth)
    arrangedVariables[fixpoint.loop] = (labels.keyColumns, [labels.labelColumn], .loop(least, depth: depth))
    defer {
      variables[fixpoint.loop] = nil
      arrangedVariables[fixpoint.loop] = nil
    }
    var next: Multiset<Pair<Words, Words>, LoopTime, Int>?
    for part in labels.steps {
      guard case .loop(let made, _) = lift(try compile(part.relation), to: depth) else {
        throw Unsupported.form("a loop's body outside it")
      }
      let stage = LabelStage(part, labels.kind)
      let its = made.map { stage($0) }
      next = next.map { $0.concat(its) } ?? its
    }
    guard let next else { preconditionFailure("something is handed on") }
    handedOn.set(next)
    return rows
  }

  // MARK: Operators wherever they are

  /// Rows as seen from further in.
  func lift(_ rows: PlacedRows, to depth: Int) -> PlacedRows {
    guard rows.depth < depth else { return rows }
    var result: Multiset<Words, LoopTime, Int>
    switch rows {
    case .root(let outside): result = outside.enter(loops[0])
    case .loop(let outside, let at): result = outside.enter(loops[at])
    }
    for loop in loops[(rows.depth + 1)..<depth] { result = result.enter(loop) }
    return .loop(result, depth: depth)
  }

  func apply(_ stage: some Stage, to rows: PlacedRows) -> PlacedRows {
    switch rows {
    case .root(let rows): .root(run(rows, stage))
    case .loop(let rows, let depth): .loop(run(rows, stage), depth: depth)
    }
  }

  private func run<T: Timestamp, S: Stage>(_ rows: Multiset<Words, T, Int>, _ stage: S) -> Multiset<Words, T, Int> {
    let made: (main: Multiset<Words, T, Int>, side: Multiset<Words, T, Int>) = rows.expand { stage.process($0, &$1) }
    complain(made.side)
    return made.main
  }

  func complain<T: Timestamp>(_ side: Multiset<Words, T, Int>) {
    let mark = RoundMark()
    guard let node = open.last else { preconditionFailure("complaints are made by some node") }
    if let side = side as? Multiset<Words, UInt32, Int> {
      complaints[node, default: []].append(side.map { mark($0, LoopTime(0)) })
    } else if let side = side as? Multiset<Words, LoopTime, Int> {
      complaints[node, default: []].append(side.leaveAll(to: flow.root) { mark($0, $1) })
    }
  }

  func concat(_ a: PlacedRows, _ b: PlacedRows) -> PlacedRows {
    switch (a, b) {
    case (.root(let a), .root(let b)): return .root(a.concat(b))
    case (.loop(let a, let depth), .loop(let b, _)): return .loop(a.concat(b), depth: depth)
    case (.root, .loop), (.loop, .root): preconditionFailure("rows are lifted before they are combined")
    }
  }

  func subtract(_ a: PlacedRows, _ b: PlacedRows) -> PlacedRows {
    switch (a, b) {
    case (.root(let a), .root(let b)): return .root(a.subtract(b))
    case (.loop(let a, let depth), .loop(let b, _)): return .loop(a.subtract(b), depth: depth)
    case (.root, .loop), (.loop, .root): preconditionFailure("rows are lifted before they are combined")
    }
  }

  func distinct(_ rows: PlacedRows) -> PlacedRows {
    switch rows {
    case .root(let rows): .root(rows.distinct())
    case .loop(let rows, let depth): .loop(rows.distinct(), depth: depth)
    }
  }

  /// Rows of one group for each key.
  func reduce(_ index: PlacedIndex, keyWidth: Int, _ reducer: GroupReducer) -> PlacedRows {
    let splice = Splice(keyWidth, reducer.width)
    switch index {
    case .root(let index): return .root(index.reduce(by: GroupReduction(reducer)) { splice($0, $1) })
    case .loop(let index, let depth):
      return .loop(index.reduce(by: GroupReduction(reducer)) { splice($0, $1) }, depth: depth)
    }
  }

  func total(_ rows: PlacedRows, keyWidth: Int, _ stage: TotalStage) -> PlacedRows {
    switch rows {
    case .root(let rows): .root(totalled(rows, keyWidth, stage))
    case .loop(let rows, let depth): .loop(totalled(rows, keyWidth, stage), depth: depth)
    }
  }

  private func totalled<T: Timestamp>(
    _ rows: Multiset<Words, T, Int>, _ keyWidth: Int, _ stage: TotalStage
  ) -> Multiset<Words, T, Int> {
    let splice = Splice(keyWidth, stage.width)
    return rows.weigh { stage.weigh($0, $1) }.arrangeBySelf(combines: true)
      .reduce(by: TotalReduction(stage)) { splice($0, $1) }
  }

  /// A relation's rows by the words of key functions, made once for all that ask for the same.
  func index(
    of relation: Relation, _ rows: PlacedRows, _ keys: [RowFunction], _ layout: BindingLayout, keep: [Int]
  ) throws(Unsupported) -> PlacedIndex {
    let key = IndexKey(relation, keys, keep: keep)
    if let known = indices[key] { return known }
    if case .loop(let id) = relation.operation, let given = arrangedVariables[id], key.columns == given.key,
      keep == given.keep
    {
      return given.index
    }
    let made = arrange(rows, keys, layout, keep: keep)
    indices[key] = made
    return made
  }

  func hasIndex(of relation: Relation, _ keys: [RowFunction], keep: [Int]) -> Bool {
    indices[IndexKey(relation, keys, keep: keep)] != nil
  }

  func arrange(_ rows: PlacedRows, _ keys: [RowFunction], _ layout: BindingLayout, keep: [Int]) -> PlacedIndex {
    arrange(rows, KeyStage(keys.map { BindingFunction($0, layout, evaluator) }, keep: keep, errors))
  }

  /// Rows whose first words are the key.
  func arrange(_ rows: PlacedRows, keyWidth: Int, keep: [Int]) -> PlacedIndex {
    arrange(rows, KeyStage(keyWidth: keyWidth, keep: keep, errors))
  }

  private func arrange(_ rows: PlacedRows, _ stage: KeyStage) -> PlacedIndex {
    switch rows {
    case .root(let rows): .root(arranged(rows, stage))
    case .loop(let rows, let depth): .loop(arranged(rows, stage), depth: depth)
    }
  }

  /// Rows that are keys, by themselves.
  private func arrangeBySelf(_ rows: PlacedRows) -> PlacedIndex {
    let nothing = Splice(0, 0)
    switch rows {
    case .root(let rows): return .root(rows.map { Pair($0, nothing($0, $0)) }.arrangeByKey())
    case .loop(let rows, let depth): return .loop(rows.map { Pair($0, nothing($0, $0)) }.arrangeByKey(), depth: depth)
    }
  }

  private func arranged<T: Timestamp>(
    _ rows: Multiset<Words, T, Int>, _ stage: KeyStage
  ) -> Arrangement<Words, Words, Int, SameTime<T>> {
    let made: (main: Multiset<Pair<Words, Words>, T, Int>, side: Multiset<Words, T, Int>) = rows.expand {
      stage.process($0, &$1)
    }
    complain(made.side)
    return made.main.arrangeByKey()
  }

  /// Every pair of values with equal keys, made one. Belongs where the one further in does.
  func join(_ a: PlacedIndex, _ b: PlacedIndex, _ body: @escaping (Words, Words) -> Words) -> PlacedRows {
    switch (a, b) {
    case (.root(let a), .root(let b)): return .root(a.join(b) { body($1, $2) })
    case (.loop(let a, let depth), .root(let b)):
      return .loop(a.join(b.enter(loops[depth - 1])) { body($1, $2) }, depth: depth)
    case (.root(let a), .loop(let b, let depth)):
      return .loop(b.join(a.enter(loops[depth - 1])) { body($2, $1) }, depth: depth)
    case (.loop(let a, let x), .loop(let b, let y)):
      let depth = max(x, y)
      let loop = loops[depth - 1]
      return .loop((x < y ? a.enter(loop) : a).join(y < x ? b.enter(loop) : b) { body($1, $2) }, depth: depth)
    }
  }

  func function(_ function: RowFunction, _ width: Int) -> BindingFunction {
    BindingFunction(function, BindingLayout(generator: 0, width: width), evaluator)
  }
}
