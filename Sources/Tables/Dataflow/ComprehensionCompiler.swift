import BuildGraph
import Differential
import Language

/// Makes operators of a comprehension: a join for each generator, and the conditions at their places.
///
/// A binding holds only the words that something further on reads. An equality is a join's key under the same condition as in
/// ``Joining``: where no condition before it at its place can fail.
struct ComprehensionCompiler {
  let comprehension: Comprehension
  let flow: FlowCompiler
  var layout = BindingLayout()

  init(_ comprehension: Comprehension, _ flow: FlowCompiler) {
    self.comprehension = comprehension.planned
    self.flow = flow
  }

  mutating func compile() throws(Unsupported) -> PlacedRows {
    guard let first = comprehension.generators.first else { throw Unsupported.form("no generator") }
    layout = BindingLayout(generator: 0, width: first.columns.count)
    var bindings: PlacedRows
    // While the bindings are the rows of a relation as they are, others may arrange them too.
    var relation: Relation?
    // Generators that are done with, and the conditions behind them.
    var taken = 0
    switch first.source {
    case .table(let its):
      if let made = madeOfRecords(its) {
        taken = made.taken
        bindings = .root(made.rows)
        if taken == comprehension.generators.count { return bindings }
      } else {
        relation = its
        bindings = try flow.compile(its)
      }
    case .groups(let grouping): bindings = try GroupCompiler(grouping, flow).compile()
    case .list: throw Unsupported.form("a list before the first table")
    }
    for generator in comprehension.generators.indices where generator >= taken {
      var met: Set<Int> = []
      if generator > 0 {
        if case .list(let function) = comprehension.generators[generator].source {
          let keep = kept(needed(from: generator - 1))
          let stage = RowStage([], .list(bind(function), keep: keep), flow.errors)
          bindings = flow.apply(stage, to: bindings)
          layout = BindingLayout(keep.map { layout.places[$0] }) + whole(generator)
        } else {
          (bindings, met) = try join(generator, bindings, relation)
        }
        relation = nil
      }
      let conditions = comprehension.conditions.indices.filter {
        comprehension.conditions[$0].after == generator + 1 && !met.contains($0)
      }
      let bound = conditions.map { bind(comprehension.conditions[$0].function) }
      if generator == comprehension.generators.count - 1 {
        return flow.apply(RowStage(bound, .function(bind(comprehension.head)), flow.errors), to: bindings)
      }
      guard !bound.isEmpty else { continue }
      let keep = kept(needed(from: generator))
      bindings = flow.apply(RowStage(bound, .project(keep), flow.errors), to: bindings)
      layout = BindingLayout(keep.map { layout.places[$0] })
      relation = nil
    }
    preconditionFailure("the last generator has returned")
  }

  private func bind(_ function: RowFunction) -> BindingFunction {
    BindingFunction(function, layout, flow.evaluator)
  }

  private func whole(_ generator: Int) -> BindingLayout {
    BindingLayout(generator: generator, width: comprehension.generators[generator].columns.count)
  }

  /// What is read by anything behind the conditions of a generator.
  func needed(from generator: Int) -> Set<BindingLayout.Place> {
    var places: Set<BindingLayout.Place> = []
    func note(_ function: RowFunction) {
      for input in function.inputs { places.insert(.init(generator: input.generator, column: input.column)) }
    }
    for condition in comprehension.conditions where condition.after > generator + 1 {
      note(condition.function)
      if let equality = condition.equality {
        note(equality.left)
        note(equality.right)
      }
    }
    for later in comprehension.generators[(generator + 1)...] {
      if case .list(let function) = later.source { note(function) }
    }
    note(comprehension.head)
    return places
  }

  func kept(_ places: Set<BindingLayout.Place>) -> [Int] {
    layout.places.indices.filter { places.contains(layout.places[$0]) }
  }

  // MARK: Joins

  /// The equalities by which a generator is joined, and what it takes of both sides.
  private struct JoinPlan {
    var old: [RowFunction] = []
    var new: [RowFunction] = []
    /// Conditions that hold for all that is joined, by number.
    var met: Set<Int> = []
    var keep: [Int] = []
    var rightKeep: [Int] = []
  }

  private func equalities(_ generator: Int) -> JoinPlan {
    var plan = JoinPlan()
    for (number, condition) in comprehension.conditions.enumerated() where condition.after == generator + 1 {
      if condition.function.canFail { break }
      guard let equality = condition.equality else { continue }
      if equality.right.generators == [generator] {
        plan.old.append(equality.left)
        plan.new.append(equality.right)
      } else if equality.left.generators == [generator] {
        plan.old.append(equality.right)
        plan.new.append(equality.left)
      } else {
        continue
      }
      plan.met.insert(number)
    }
    return plan
  }

  /// Only the equalities with columns that tell all rows of the relation apart; nil if there are no others, or not all of these.
  private func narrowed(_ plan: JoinPlan, to key: [Int]) -> JoinPlan? {
    var narrow = JoinPlan()
    for (index, number) in plan.met.sorted().enumerated() {
      guard let selection = plan.new[index].selection, selection.count == 1,
        key.contains(plan.new[index].inputs[selection[0]].column)
      else { continue }
      narrow.old.append(plan.old[index])
      narrow.new.append(plan.new[index])
      narrow.met.insert(number)
    }
    return narrow.met.count == key.count && narrow.met.count < plan.met.count ? narrow : nil
  }

  /// Adds what is taken of both sides.
  private func complete(_ plan: JoinPlan, _ generator: Int) -> JoinPlan {
    var plan = plan
    var places = needed(from: generator)
    for (number, condition) in comprehension.conditions.enumerated()
    where condition.after == generator + 1 && !plan.met.contains(number) {
      for input in condition.function.inputs { places.insert(.init(generator: input.generator, column: input.column)) }
    }
    plan.keep = kept(places)
    let right = whole(generator)
    plan.rightKeep = right.places.indices.filter { places.contains(right.places[$0]) }
    return plan
  }

  // MARK: Windows

  /// The conditions by which a generator and the bindings are one the rows and the other the bounds of a window, where nothing else
  /// of the bounds is wanted.
  ///
  /// - Parameter bounds: the generators of the side that has one row.
  private func window(_ generator: Int, bounds: Set<Int>) -> (plan: WindowPlan, met: Set<Int>, kept: JoinPlan)? {
    var met: Set<Int> = []
    var first: RowFunction.Input?
    var windows: [Window] = []
    for (number, condition) in comprehension.conditions.enumerated() where condition.after == generator + 1 {
      if condition.function.canFail { break }
      guard let window = condition.window, window.column.kind != .string, window.column.kind != .rows,
        !bounds.contains(window.column.generator), window.bound.generators.isSubset(of: bounds),
        first == nil || first == window.column
      else { continue }
      first = window.column
      windows.append(window)
      met.insert(number)
    }
    guard let column = first else { return nil }
    var plan = JoinPlan()
    plan.met = met
    plan = complete(plan, generator)
    let rowsAreNew = column.generator == generator
    guard (rowsAreNew ? plan.keep : plan.rightKeep).isEmpty else { return nil }
    let rows = rowsAreNew ? whole(generator) : layout
    var window = WindowPlan(
      column: rows.position(of: column), kind: column.kind, relations: windows.map(\.relation),
      bounds: windows.map(\.bound), keep: rowsAreNew ? plan.rightKeep : plan.keep)
    window.forgets =
      flow.forgets && WindowMemory.isPossible(window.relations)
      && comprehension.generators[0...generator].allSatisfy(\.onlyGrows)
    return (window, met, plan)
  }

  private mutating func windowed(
    _ generator: Int, _ bindings: PlacedRows
  ) throws(Unsupported) -> (PlacedRows, Set<Int>)? {
    guard case .root(let old) = bindings, case .table(let relation) = comprehension.generators[generator].source,
      relation.loops.isEmpty, case .root(let new) = try flow.compile(relation)
    else { return nil }
    let right = whole(generator)
    let before = Set(0..<generator)
    if comprehension.generators[generator].isAtMostOneRow, let made = window(generator, bounds: [generator]) {
      layout = BindingLayout(made.kept.keep.map { layout.places[$0] })
      return (flow.window(old, new, right, made.plan), made.met)
    }
    if before.allSatisfy({ comprehension.generators[$0].isAtMostOneRow }), let made = window(generator, bounds: before)
    {
      let boundLayout = layout
      layout = BindingLayout(made.kept.rightKeep.map { right.places[$0] })
      return (flow.window(new, old, boundLayout, made.plan), made.met)
    }
    return nil
  }

  private mutating func join(
    _ generator: Int, _ bindings: PlacedRows, _ relation: Relation?
  ) throws(Unsupported) -> (PlacedRows, Set<Int>) {
    var plan = complete(equalities(generator), generator)
    if plan.met.isEmpty, let made = try windowed(generator, bindings) { return made }
    let right = whole(generator)
    // An arrangement that is there already finds one row at most where its key tells all rows apart: no other is made.
    if case .table(let other) = comprehension.generators[generator].source, let key = other.uniqueKey,
      let narrow = narrowed(plan, to: key)
    {
      let narrow = complete(narrow, generator)
      if flow.hasIndex(of: other, narrow.new, keep: narrow.rightKeep) { plan = narrow }
    }
    let leftIndex: PlacedIndex
    if let relation {
      leftIndex = try flow.index(of: relation, bindings, plan.old, layout, keep: plan.keep)
    } else {
      leftIndex = flow.arrange(bindings, plan.old, layout, keep: plan.keep)
    }
    let rightIndex: PlacedIndex
    switch comprehension.generators[generator].source {
    case .table(let relation):
      rightIndex = try flow.index(of: relation, try flow.compile(relation), plan.new, right, keep: plan.rightKeep)
    case .groups(let grouping):
      rightIndex = flow.arrange(try GroupCompiler(grouping, flow).compile(), plan.new, right, keep: plan.rightKeep)
    case .list: preconditionFailure("a list is not joined")
    }
    let splice = Splice(plan.keep.count, plan.rightKeep.count)
    layout = BindingLayout(plan.keep.map { layout.places[$0] }) + BindingLayout(plan.rightKeep.map { right.places[$0] })
    return (flow.join(leftIndex, rightIndex) { splice($0, $1) }, plan.met)
  }
}

extension Relation {
  /// Columns whose words no two rows have in common, where that is plain to see.
  var uniqueKey: [Int]? {
    switch operation {
    case .comprehension(let comprehension):
      guard comprehension.generators.count == 1, case .groups(let grouping) = comprehension.generators[0].source,
        let selection = comprehension.head.selection
      else { return nil }
      let columns = selection.map { comprehension.head.inputs[$0].column }
      let key = grouping.key.outputs.indices.map { columns.firstIndex(of: $0) }
      return key.contains(nil) ? nil : key.compactMap { $0 }
    case .fixpoint(let fixpoint):
      // It ends as something that its body makes.
      return fixpoint.body.uniqueKey
    case .files, .literal, .loop, .project, .union, .distinct, .semijoin: return nil
    }
  }
}
