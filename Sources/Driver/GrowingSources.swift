import BuildGraph
import Language
import Tables

extension FlowGraph {
  /// Files that only tables read, all of which are told that they only grow (`append := true`): a build means what they hold up to
  /// where they ended when it looked at them first, and need not wait until nobody writes to them.
  ///
  /// - Complexity: O(nodes and edges).
  var growingSources: Set<SourceID> {
    var growing: Set<SourceID> = []
    var others: Set<SourceID> = []
    func note(_ reference: ArtifactReference, grows: Bool) {
      guard case .source(let id) = reference else { return }
      if grows, sources[Int(id.index)].kind == .file { growing.insert(id) } else { others.insert(id) }
    }
    for step in steps {
      switch step.work {
      case .exec(let exec): for input in exec.inputs { note(input.reference, grows: false) }
      case .copy(let reference, kind: _, to: _): note(reference, grows: false)
      case .table(let table):
        let promised = (table.plan.content as? Relation)?.promisedInputs ?? []
        // The relation may know its inputs by other numbers; their order is the same.
        for (place, input) in table.inputs.enumerated() { note(input.reference, grows: promised.contains(place)) }
      }
    }
    for assembly in assemblies { for member in assembly { note(member.reference, grows: false) } }
    return growing.subtracting(others)
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
