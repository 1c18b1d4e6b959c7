import BuildGraph
import Differential
import Language

/// Makes a dataflow of a relation.
///
/// Each node becomes operators in the innermost loop whose variable it depends on, so that what does not change in a loop is
/// arranged once, outside. Nodes that occur several times are made once. A row expression that has no value for a row puts a record
/// in the collection of errors instead, also of errors that only some rounds of a loop have: while it is not empty the result
/// counts for nothing, and the evaluator from nothing decides.
final class FlowCompiler {
  let flow = Dataflow<UInt32>()
  let evaluator: RowEvaluator
  let errors = ErrorTable()
  private(set) var sources: [FileTable: Input<Words, UInt32, Int>] = [:]
  /// In the order of first mention.
  private(set) var tables: [FileTable] = []
  private(set) var literals: [(input: Input<Words, UInt32, Int>, rows: LiteralRows, kinds: [ColumnKind])] = []
  private(set) var guards: [LoopGuard] = []
  /// Complaints of rows, each with the rounds in which it is made.
  private(set) var complaints: [Multiset<Words, UInt32, Int>] = []

  private var known: [ObjectIdentifier: PlacedRows] = [:]
  private var collections: [FileTable: Multiset<Words, UInt32, Int>] = [:]
  private var indices: [IndexKey: PlacedIndex] = [:]
  /// The loops around, from the outermost; and what their variables are.
  private var loops: [RuntimeLoop] = []
  private var depths: [LoopID: Int] = [:]
  private var variables: [LoopID: PlacedRows] = [:]

  private struct IndexKey: Hashable {
    var relation: ObjectIdentifier
    var functions: [Digest]
    var keep: [Int]
  }

  init(_ evaluator: RowEvaluator) { self.evaluator = evaluator }

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
    if let rows = known[ObjectIdentifier(relation)] { return rows }
    let depth = try depth(of: relation)
    let around = loops
    loops = Array(loops.prefix(depth))
    defer { loops = around }
    let rows = try compile(relation.operation, relation)
    known[ObjectIdentifier(relation)] = rows
    return rows
  }

  private func compile(_ operation: RelationalOperation, _ relation: Relation) throws(Unsupported) -> PlacedRows {
    switch operation {
    case .files(let table):
      if let rows = collections[table] { return .root(rows) }
      let (input, rows) = flow.input(Words.self)
      sources[table] = input
      tables.append(table)
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
    var seed = lift(try compile(fixpoint.seed), to: depth)
    let width = fixpoint.seed.columns.count
    if let priority = fixpoint.priority {
      let layout = BindingLayout(generator: 0, width: width)
      let stage = PriorityStage(BindingFunction(priority, layout, evaluator), width, priority.location, errors)
      seed = apply(stage, to: seed)
    }
    depths[fixpoint.loop] = depth + 1
    defer { depths[fixpoint.loop] = nil }
    let loopGuard = LoopGuard(isOutermost: depth == 0)
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
    if let side = side as? Multiset<Words, UInt32, Int> {
      complaints.append(side.map { mark($0, LoopTime(0)) })
    } else if let side = side as? Multiset<Words, LoopTime, Int> {
      complaints.append(side.leaveAll(to: flow.root) { mark($0, $1) })
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
    return rows.weigh { stage.weigh($0, $1) }.arrangeBySelf()
      .reduce(by: TotalReduction(stage)) { splice($0, $1) }
  }

  /// A relation's rows by the words of key functions, made once for all that ask for the same.
  func index(
    of relation: Relation, _ rows: PlacedRows, _ keys: [RowFunction], _ layout: BindingLayout, keep: [Int]
  ) throws(Unsupported) -> PlacedIndex {
    let key = IndexKey(relation: ObjectIdentifier(relation), functions: keys.map(\.key), keep: keep)
    if let known = indices[key] { return known }
    let made = arrange(rows, keys, layout, keep: keep)
    indices[key] = made
    return made
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
