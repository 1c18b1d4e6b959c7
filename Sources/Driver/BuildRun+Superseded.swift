import BuildGraph
import Diagnostics
import Engine
import Ports

/// What a watch has made of files that only grow, when they were shorter: they will not be so again, and nobody asks for it any more. A
/// watch that lives long would fill the disk with it.
extension BuildRun {
  /// What the last build made by steps that have made something else now.
  ///
  /// - Precondition: this build has published its outputs.
  func supersededTables() throws(SystemError) -> [StepMade] {
    guard defersSnapshot, let plan else { return [] }
    var superseded: [StepMade] = []
    for (index, id) in plan.stepIDs.enumerated() {
      guard case .table(let table) = graph.steps[index].work, table.inputs.contains(where: isGrowing),
        case .made(let new) = engine.state(of: StepID(index: UInt32(index))),
        case .made(let old) = try plan.whole.state(of: .step(id)), old.contentKey != new.contentKey
      else { continue }
      superseded.append(old)
    }
    return superseded
  }

  private func isGrowing(_ input: Exec.Input) -> Bool {
    if case .source(let id) = input.reference { grows(id) } else { false }
  }

  /// Removes the objects that only superseded tables were made of.
  ///
  /// - Precondition: the state no longer names them.
  func removeObjects(of superseded: [StepMade]) {
    guard !superseded.isEmpty else { return }
    var kept: Set<ObjectID> = []
    for index in graph.steps.indices {
      guard case .made(let made) = engine.state(of: StepID(index: UInt32(index))) else { continue }
      kept.formUnion(objects(of: made))
    }
    let gone = Set(superseded.flatMap(objects)).subtracting(kept)
    // What stays is found by the next pruning.
    try? world.objects.remove(gone.sorted())
  }

  private func objects(of made: StepMade) -> [ObjectID] {
    made.outputs.flatMap { output in
      let members = output.kind == .folder ? (try? world.objects.manifest(of: output))?.entries ?? [] : []
      return [ObjectID(output)]
        + members.compactMap { entry in
          if case .file(let file) = entry.content { ObjectID(file) } else { nil }
        }
    }
  }
}
