import BuildGraph
import Diagnostics

extension Checker {
  mutating func finishMake(_ id: ExpressionID, _ path: ByteString, _ written: [DeclarationID]) {
    let given = arguments(written)
    switch modules[id] {
    case .broken?, nil: set(id, .error)
    case .system(let module):
      checkArguments(given, params: [], at: id)
      set(id, module.type, .system(module), bound: .unknown)
    case .module(let module):
      checkArguments(given, params: module.params, at: id)
      let delayed = module.delayedExports
      let flow: Flow =
        delayed.isEmpty ? .immediate : .fields(Dictionary(uniqueKeysWithValues: delayed.map { ($0, .delayed) }))
      // The limit holds for each export but not yet for all of them together.
      set(id, module.type, flow, bound: .unknown)
    }
  }

  private mutating func checkArguments(
    _ given: [(name: Name, value: ExpressionID, type: Type)], params: [CheckedModule.Param], at id: ExpressionID
  ) {
    for (name, value, type) in given {
      guard let param = params.first(where: { $0.name == name.text }) else {
        let suggestion = suggestion(for: name.text, among: params.map(\.name), at: range(name.token))
        report(
          .unknownParameter, "module has no parameter \(name.text)", at: range(name.token), notes: suggestion.notes,
          fixIts: suggestion.fixIts)
        continue
      }
      guard !type.isSubtype(of: param.type) else { continue }
      report(
        .parameterType, "invalid type \(type) for parameter \(name.text) (type \(param.type))", at: range(value),
        notes: type.discrepancy(with: param.type).map { [Diagnostic.Note($0)] } ?? [])
    }
    let missing = params.filter { param in !param.hasDefault && !given.contains { $0.name.text == param.name } }
    guard !missing.isEmpty else { return }
    report(
      .missingParameter,
      "missing required module parameter\(missing.count == 1 ? "" : "s") \(missing.map(\.name).joined(separator: ", "))",
      at: range(id))
  }
}
