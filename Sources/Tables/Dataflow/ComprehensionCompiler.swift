import BuildGraph
import Differential
import Language

/// Makes operators of a comprehension: a join for each generator, and the conditions at their places.
///
/// A binding holds only the words that something further on reads. An equality is a join's key under the same condition as in
/// ``Joining``: where no condition before it at its place can fail.
struct ComprehensionCompiler {
  private let comprehension: Comprehension
  private let flow: FlowCompiler
  private var layout = BindingLayout()

  init(_ comprehension: Comprehension, _ flow: FlowCompiler) {
    self.comprehension = comprehension
    self.flow = flow
  }

  mutating func compile() throws(Unsupported) -> PlacedRows {
    guard let first = comprehension.generators.first else { throw Unsupported.form("no generator") }
    layout = BindingLayout(generator: 0, width: first.columns.count)
    var bindings: PlacedRows
    // While the bindings are the rows of a relation as they are, others may arrange them too.
    var relation: Relation?
    switch first.source {
    case .table(let its):
      relation = its
      bindings = try flow.compile(its)
    case .groups(let grouping): bindings = try GroupCompiler(grouping, flow).compile()
    case .list: throw Unsupported.form("a list before the first table")
    }
    for generator in comprehension.generators.indices {
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
  private func needed(from generator: Int) -> Set<BindingLayout.Place> {
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

  private func kept(_ places: Set<BindingLayout.Place>) -> [Int] {
    layout.places.indices.filter { places.contains(layout.places[$0]) }
  }

  // MARK: Joins

  private mutating func join(
    _ generator: Int, _ bindings: PlacedRows, _ relation: Relation?
  ) throws(Unsupported) -> (PlacedRows, Set<Int>) {
    var old: [RowFunction] = []
    var new: [RowFunction] = []
    var met: Set<Int> = []
    for (number, condition) in comprehension.conditions.enumerated() where condition.after == generator + 1 {
      if condition.function.canFail { break }
      guard let equality = condition.equality else { continue }
      if equality.right.generators == [generator] {
        old.append(equality.left)
        new.append(equality.right)
      } else if equality.left.generators == [generator] {
        old.append(equality.right)
        new.append(equality.left)
      } else {
        continue
      }
      met.insert(number)
    }
    var places = needed(from: generator)
    for (number, condition) in comprehension.conditions.enumerated()
    where condition.after == generator + 1 && !met.contains(number) {
      for input in condition.function.inputs { places.insert(.init(generator: input.generator, column: input.column)) }
    }
    let keep = kept(places)
    let right = whole(generator)
    let rightKeep = right.places.indices.filter { places.contains(right.places[$0]) }
    let leftIndex: PlacedIndex
    if let relation {
      leftIndex = try flow.index(of: relation, bindings, old, layout, keep: keep)
    } else {
      leftIndex = flow.arrange(bindings, old, layout, keep: keep)
    }
    let rightIndex: PlacedIndex
    switch comprehension.generators[generator].source {
    case .table(let relation):
      rightIndex = try flow.index(of: relation, try flow.compile(relation), new, right, keep: rightKeep)
    case .groups(let grouping):
      rightIndex = flow.arrange(try GroupCompiler(grouping, flow).compile(), new, right, keep: rightKeep)
    case .list: preconditionFailure("a list is not joined")
    }
    let splice = Splice(keep.count, rightKeep.count)
    layout = BindingLayout(keep.map { layout.places[$0] }) + BindingLayout(rightKeep.map { right.places[$0] })
    return (flow.join(leftIndex, rightIndex) { splice($0, $1) }, met)
  }
}
