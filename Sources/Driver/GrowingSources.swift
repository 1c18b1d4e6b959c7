import BuildGraph
import Language
import Ports
import Tables

extension FlowGraph {
  /// Files that only tables read, all of which are told that they only grow (`append := true`): a build means what they hold up to
  /// where they ended when it looked at them first, and need not wait until nobody writes to them.
  ///
  /// - Complexity: O(steps); O(nodes and edges) if there are any.
  var growingSources: Set<SourceID> { withoutOtherReaders(promisedSources(ofStepsFrom: 0)) }

  /// Files of which a table says so that is made by one of the steps from this one on.
  ///
  /// - Complexity: O(these steps).
  func promisedSources(ofStepsFrom first: Int) -> Set<SourceID> {
    var promised: Set<SourceID> = []
    for step in steps[first...] {
      guard case .table(let table) = step.work else { continue }
      forEachInput(of: table) { id, grows in
        if grows, sources[Int(id.index)].kind == .file { promised.insert(id) }
      }
    }
    return promised
  }

  /// What the tables read that are made by one of the steps from this one on.
  ///
  /// - Complexity: O(these steps).
  func tabledSources(ofStepsFrom first: Int) -> Set<SourceID> {
    var tabled: Set<SourceID> = []
    for step in steps[first...] {
      if case .table(let table) = step.work { forEachInput(of: table) { id, _ in tabled.insert(id) } }
    }
    return tabled
  }

  /// Those that nobody reads who does not know of the promise.
  ///
  /// - Complexity: O(nodes and edges), but for no sources.
  func withoutOtherReaders(_ promised: Set<SourceID>) -> Set<SourceID> {
    var growing = promised
    if growing.isEmpty { return [] }
    func isRead(_ reference: ArtifactReference) {
      if case .source(let id) = reference { growing.remove(id) }
    }
    for step in steps {
      switch step.work {
      case .exec(let exec): for input in exec.inputs { isRead(input.reference) }
      case .copy(let reference, kind: _, to: _): isRead(reference)
      case .table(let table): forEachInput(of: table) { id, grows in if !grows { growing.remove(id) } }
      }
    }
    for assembly in assemblies { for member in assembly { isRead(member.reference) } }
    return growing
  }

  /// The sources that a table reads, and whether it says of each that it only grows.
  private func forEachInput(of table: TableStep, _ body: (SourceID, Bool) -> Void) {
    let promised = (table.plan.content as? Relation)?.promisedInputs ?? []
    // The relation may know its inputs by other numbers; their order is the same.
    for (place, input) in table.inputs.enumerated() {
      if case .source(let id) = input.reference { body(id, promised.contains(place)) }
    }
  }

  /// Where files lie, ascending.
  func paths(of ids: Set<SourceID>) -> [Path] {
    ids.compactMap { id in
      if case .path(let path) = sources[Int(id.index)].place { path } else { nil }
    }.sorted()
  }
}

extension BuildRun {
  /// Whether it is promised of a source that it only grows.
  ///
  /// - Complexity: O(1) amortized over the steps; where there are such sources, O(graph) when steps have been added.
  func grows(_ id: SourceID) -> Bool {
    if growing.stepCount != graph.steps.count {
      growing.promised.formUnion(graph.promisedSources(ofStepsFrom: growing.stepCount))
      world.fileSystem.keepBlocks(of: graph.paths(of: graph.tabledSources(ofStepsFrom: growing.stepCount)))
      growing.sources = graph.withoutOtherReaders(growing.promised)
      growing.stepCount = graph.steps.count
    }
    return growing.sources.contains(id)
  }
}

extension Relation {
  /// Which of its inputs only grow, as all tables say that read them.
  fileprivate var promisedInputs: Set<Int> {
    var promises: [Input: Bool] = [:]
    for table in fileTables { for part in table.parts { promises[part] = table.appends && promises[part] != false } }
    return Set(inputs.indices.filter { promises[inputs[$0]] == true })
  }
}
