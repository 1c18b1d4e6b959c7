import Diagnostics

extension Checker {
  /// The parameters of `exec`, what each must be, and whether its value must be known at once: an image decides how a
  /// step is run and the others how often, how long and where, while resources may wait for what they are computed from.
  private static let execParameters: [(name: String, wanted: String, fits: [Type], immediate: Bool)] = [
    ("image", "a string", [.string], true),
    ("cpu", "integer or floating point", [.int, .float], false),
    ("mem", "an integer", [.int], false),
    ("disk", "an integer", [.int], false),
    ("cpufeatures", "a list of strings", [.list(.string)], false),
    ("nondeterministic", "a boolean", [.bool], false),
    ("timeout", "a number of seconds, integer or floating point", [.int, .float], true),
    ("retries", "an integer", [.int], true),
    ("env", "a map of strings to strings", [.map(key: .string, value: .string)], false),
    ("network", "a boolean", [.bool], true),
    ("depfile", "a string", [.string], true),
  ]

  mutating func visitExec(_ id: ExpressionID, _ exec: Expression.Exec) {
    let outputs = checkOutputs(exec.outputs)
    openOutputs.append(outputs)
    var parts = exec.arguments.compactMap { argument($0)?.value }
    var unnamed = Set(outputs.indices)
    for part in exec.template {
      guard case .interpolation(let value) = part else { continue }
      if let index = output(value, of: outputs) {
        resolutions[value] = .output(index)
        unnamed.remove(index)
        types[Int(value.index)] = outputs[index].type
      } else {
        parts.append(value)
      }
    }
    for index in unnamed.sorted() { warn(ofUnnamed: outputs[index], at: range(exec.outputs)) }
    visit(id, parts: parts)
  }

  /// For the original that is no error: the output is empty. It is hardly ever meant.
  private mutating func warn(ofUnnamed output: Type.Labelled, at range: SourceRange) {
    let label = output.label ?? ""
    warnings.append(
      Diagnostic(
        CheckerMessage.unusedOutput.id, .warning, "output \(label) is not named in the command, and will be empty",
        at: range, notes: [Diagnostic.Note("the command is told where to make it by {{\(label)}}")]))
  }

  /// Which output an interpolation names: only an identifier by itself does.
  private func output(_ value: ExpressionID, of outputs: [Type.Labelled]) -> Int? {
    guard case .identifier(let name) = tree[value].kind else { return nil }
    return outputs.firstIndex { $0.label == name.text }
  }

  private mutating func checkOutputs(_ syntax: TypeSyntaxID) -> [Type.Labelled] {
    if let names = untypedOutputs(syntax) {
      let wanted = names.map { "\($0.text) file" }.joined(separator: ", ")
      report(
        .execOutput, "an output is a name and its type, file or dir", at: range(syntax),
        notes: [Diagnostic.Note("write (\(wanted))")],
        fixIts: [FixIt("write the types", [.init(range(syntax), "(\(wanted))")])])
      return names.map { Type.Labelled($0.text, .file) }
    }
    let (type, _) = resolve(syntax)
    let outputs: [Type.Labelled]
    if case .error = type { return [] }
    if case .tuple(let elements) = type { outputs = elements } else { outputs = [Type.Labelled(nil, type)] }
    var seen: Set<String> = []
    for (index, output) in outputs.enumerated() {
      guard output.type.isEqual(to: .file) || output.type.isEqual(to: .dir) else {
        report(.execOutput, "execs can only return files and dirs, not \(type)", at: range(syntax))
        return []
      }
      guard let label = output.label else {
        report(
          .execOutput, "output \(index) (type \(output.type)) must be labelled", at: range(syntax),
          notes: [Diagnostic.Note("give it a name for use in the template, as in (out \(output.type))")])
        return []
      }
      guard seen.insert(label).inserted else {
        report(.execOutput, "two outputs are called \"\(label)\"", at: range(syntax))
        return []
      }
    }
    return outputs
  }

  /// The names of outputs that have no types, where nothing else can be meant: none of them is the name of a type.
  private func untypedOutputs(_ syntax: TypeSyntaxID) -> [Name]? {
    let parts: [TypeSyntaxID]
    switch tree[syntax].kind {
    case .alias: parts = [syntax]
    case .tuple(let elements) where elements.allSatisfy({ $0.name == nil }): parts = elements.map(\.type)
    case .tuple, .error, .int, .float, .string, .bool, .file, .dir, .list, .map, .structure, .module, .function, .table,
      .sum:
      return nil
    }
    var names: [Name] = []
    for part in parts {
      guard case .alias(let path) = tree[part].kind, path.count == 1, let name = path.first,
        scope.aliases[name.text] == nil, !lostNames.contains(name.text), declaredTypes[name.text] == nil
      else { return nil }
      names.append(name)
    }
    return names.isEmpty ? nil : names
  }

  mutating func finishExec(_ id: ExpressionID, _ exec: Expression.Exec) {
    let outputs = openOutputs.popLast() ?? []
    for (name, value, type) in arguments(exec.arguments) {
      guard let parameter = Self.execParameters.first(where: { $0.name == name.text }) else {
        let suggestion = suggestion(
          for: name.text, among: Self.execParameters.map(\.name), at: range(name.token))
        let all = Self.execParameters.map(\.name).joined(separator: ", ")
        report(
          .execParameter, "unrecognized exec parameter \(name.text)", at: range(name.token),
          notes: suggestion.notes.isEmpty ? [Diagnostic.Note("there are \(all)")] : suggestion.notes,
          fixIts: suggestion.fixIts)
        continue
      }
      if !parameter.fits.contains(where: { type.isSubtype(of: $0) }) {
        let isSize = ["mem", "disk"].contains(name.text) && type == .string
        report(
          .execParameterType, "\(name.text) must be \(parameter.wanted), not \(type)", at: range(value),
          notes: isSize ? [Diagnostic.Note("it is a number of bytes, as in 10 * GiB")] : [])
      }
      if parameter.immediate, flow(value).isDelayed {
        report(
          .notImmediate, "exec parameter \(name.text) is not immediate", at: range(value),
          notes: [Diagnostic.Note("its value must be known without running a step or reading a source")])
      }
    }
    for part in exec.template {
      guard case .interpolation(let value) = part else { continue }
      if case .output? = resolutions[value] { continue }
      let type = type(value)
      guard !Self.interpolable.contains(where: { type.isSubtype(of: $0) }) else { continue }
      if case .table(let row) = type, !row.isGroupRow {
        report(
          .interpolationType, "values of type \(type) cannot be interpolated", at: range(value),
          notes: [Diagnostic.Note("csv(t) makes a file of a table")], fixIts: [wrap(value, in: "csv")])
        continue
      }
      report(
        .interpolationType, "values of type \(type) cannot be interpolated", at: range(value),
        notes: pairNote(type, .file) ?? [Diagnostic.Note(Self.interpolationNote(type))])
    }
    guard !outputs.isEmpty else { return set(id, .error) }
    // A tuple of one is written so, too: it keeps the label of a single output.
    set(
      id, .tuple(outputs), .delayed,
      bound: TypeMeasure(nodes: UInt32(clamping: outputs.count + 1), depth: 2))
  }

  /// What to write in the place of a value that no command can hold.
  private static func interpolationNote(_ type: Type) -> String {
    switch type {
    case .bool: "make a string of it first: flag := if b { \"--flag\" } else { \"\" }"
    case .list(.string): "make one string of them: make(\"$/strings\").Join(xs, \" \")"
    case .map: "a list of its files can: [f | (_, f) <- m]"
    case .structure: "its fields can, if they are files, dirs, strings or numbers"
    case .int, .float, .string, .file, .dir, .unit, .fileset, .top, .bottom, .error, .list, .tuple, .module, .function,
      .sum, .table, .scheme:
      "a file, dir, string, int, float, or a list of files or dirs can"
    }
  }

  private static let interpolable: [Type] = [.file, .dir, .string, .int, .float, .list(.file), .list(.dir)]
}
