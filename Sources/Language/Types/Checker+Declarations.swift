import Diagnostics

extension Checker {
  mutating func declare(_ id: DeclarationID, _ level: Level) {
    let declaration = tree[id]
    errorMarks.append(errors.count)
    switch declaration.kind {
    case .error: errorMarks.removeLast()
    case .value(_, type: _, let value, form: _):
      agenda.append(.finishDeclaration(id, level))
      agenda.append(.visit(value))
    case .function:
      agenda.append(.finishDeclaration(id, level))
      agenda.append(.openFunction(id))
    case .type(let name, let type):
      errorMarks.removeLast()
      let (resolved, measure) = resolve(type)
      declarationTypes[Int(id.index)] = resolved
      names?.note(binding: name.token, resolved)
      scope.bind(alias: name.text, Scope.Alias(type: resolved, measure: measure, token: name.token))
      if case .top = level, name.text.isExported {
        exportedAliases.removeAll { $0.name == name.text }
        exportedAliases.append(Type.Field(name.text, resolved))
      }
    case .param(_, type: _, let value):
      agenda.append(.finishDeclaration(id, level))
      if let value { agenda.append(.visit(value)) }
    }
    for arguments in declaration.requires.reversed() {
      for argument in arguments.reversed() {
        if let value = self.argument(argument)?.value { agenda.append(.visit(value)) }
      }
    }
  }

  mutating func finishDeclaration(_ id: DeclarationID, _ level: Level) {
    let declaration = tree[id]
    let isTop: Bool
    switch level {
    case .top: isTop = true
    case .inner: isTop = false
    }
    let mark = errorMarks.popLast() ?? 0
    switch declaration.kind {
    case .error, .type: break
    case .value(let pattern, type: let syntax, let value, form: _):
      if !declaration.requires.isEmpty { checkRequires(declaration.requires, of: range(value)) }
      var type = types[Int(value.index)]
      var flow = flow(value)
      var measure = measure(value)
      if let syntax {
        let (declared, declaredMeasure) = resolve(syntax)
        require(value, type.unlabelled, fits: declared)
        type = declared
        measure = declaredMeasure
        flow = flow.computed
      }
      if !declaration.requires.isEmpty { flow = flow.computed }
      declarationTypes[Int(id.index)] = type
      let isFine = errors.count == mark
      if let problem = bind(pattern, to: type, flow, measure, warns: isFine, exported: isTop) { report(problem) }
    case .function(let name, _):
      if !declaration.requires.isEmpty { checkRequires(declaration.requires, of: range(name.token)) }
      let (type, flow, measure) = closeFunction()
      guard let checked = within(type, measure, range(id)) else {
        bind(name, to: .error, .immediate, .refused, warns: false, exported: isTop)
        return
      }
      declarationTypes[Int(id.index)] = type
      bind(name, to: type, flow, checked, warns: errors.count == mark, exported: isTop)
    case .param(let name, type: let syntax, let value):
      var type = Type.error
      var measure = TypeMeasure.scalar
      if let value {
        type = types[Int(value.index)]
        measure = self.measure(value)
      }
      if let syntax {
        let (declared, declaredMeasure) = resolve(syntax)
        if let value { require(value, type.unlabelled, fits: declared) }
        type = declared
        measure = declaredMeasure
      }
      type = type.unlabelled
      declarationTypes[Int(id.index)] = type
      params.removeAll { $0.name == name.text }
      params.append(
        CheckedModule.Param(
          name: name.text, type: type, hasDefault: value != nil, declaration: id,
          documentation: declaration.documentation))
      bind(name, to: type, .immediate, measure, warns: false)
    }
  }

  mutating func export(_ name: String, _ type: Type, _ flow: Flow) {
    exports.append((Type.Field(name, type), flow))
    if name == "Main", type.holdsGroupedTable { reportGroupedOutput() }
  }

  // MARK: Functions

  /// Binds the parameters in a scope of their own and schedules the body. The body's end leaves the scope and the
  /// function open, for whoever finishes it.
  mutating func openFunction(_ function: Expression.Function, named declared: (name: Name, id: DeclarationID)?) {
    var measure = TypeMeasure.scalar
    let parameters = function.parameters.map { parameter in
      let (type, inner) = resolve(parameter.type)
      measure.include(inner)
      return Type.Labelled(parameter.name?.text, type.unlabelled)
    }
    var result: Type?
    if let syntax = function.result {
      let (type, inner) = resolve(syntax)
      result = type
      measure.include(inner)
    }
    scope.open()
    if let (name, id) = declared, isFree(name.text) {
      let type: Type = result.map { .function(parameters, $0) } ?? .error
      let isTooLarge = !measure.isWithinLimit && type.measured() == nil
      scope.bind(
        Scope.Binding(
          name: name.text, type: isTooLarge ? .error : type, measure: isTooLarge ? .refused : measure,
          flow: .immediate, token: name.token,
          meaning: result == nil ? .untypedRecursion : .recursive(id), warns: false))
    }
    for (parameter, resolved) in zip(function.parameters, parameters) {
      guard let name = parameter.name else { continue }
      bind(name, to: resolved.type, .immediate, measure, warns: false)
    }
    openFunctions.append(
      OpenFunction(parameters: parameters, result: result, measure: measure, body: function.body))
    agenda.append(.visit(function.body))
  }

  /// Whether a name means nothing yet, so that it may mean the function that is being declared.
  private func isFree(_ name: String) -> Bool {
    if scope[name] != nil || Checker.prelude(name) != nil { return false }
    // The builtins of the original keep their meaning; the extensions' give way.
    guard let builtin = Builtin(rawValue: name) else { return true }
    return !builtin.isOriginal
  }

  mutating func closeFunction() -> (type: Type, flow: Flow, measure: TypeMeasure) {
    closeScope()
    guard let function = openFunctions.popLast() else { return (.error, .immediate, .scalar) }
    let body = types[Int(function.body.index)]
    let bodyFlow = flow(function.body)
    var measure = function.measure
    var result = body
    if let declared = function.result {
      require(function.body, body.unlabelled, fits: declared)
      result = declared
    } else {
      measure.include(self.measure(function.body))
    }
    let flow: Flow =
      bodyFlow.isImmediate ? .immediate : .function(function.result == nil ? bodyFlow : bodyFlow.computed)
    return (.function(function.parameters, result), flow, measure)
  }

  mutating func finishFunction(_ id: ExpressionID) {
    let (type, flow, measure) = closeFunction()
    set(id, type, flow, bound: measure)
  }

  // MARK: Arguments by name

  /// `name := value`, or the shorthand `name`, among the arguments of `exec`, `make` and `@requires`.
  func argument(_ id: DeclarationID) -> (name: Name, value: ExpressionID, type: TypeSyntaxID?)? {
    guard case .value(let pattern, let type, let value, form: _) = tree[id].kind,
      case .identifier(let name) = tree[pattern].kind
    else { return nil }
    return (name, value, type)
  }

  /// The arguments, each name once; says of the others that they are given twice.
  mutating func arguments(_ ids: [DeclarationID]) -> [(name: Name, value: ExpressionID, type: Type)] {
    var result: [(name: Name, value: ExpressionID, type: Type)] = []
    var seen: Set<String> = []
    for id in ids {
      guard let (name, value, syntax) = argument(id) else { continue }
      var type = type(value)
      if let syntax {
        let declared = resolve(syntax).type.unlabelled
        require(value, type, fits: declared)
        type = declared
      }
      declarationTypes[Int(id.index)] = type
      guard seen.insert(name.text).inserted else {
        report(.duplicateArgument, "argument \"\(name.text)\" is given twice", at: range(name.token))
        continue
      }
      result.append((name, value, type))
    }
    return result
  }

  private static let requirements = ["cpu", "mem", "disk", "cpufeatures", "wide"]

  private mutating func checkRequires(_ annotations: [[DeclarationID]], of place: SourceRange) {
    for annotation in annotations {
      for (name, value, type) in arguments(annotation) {
        let expected: String?
        switch name.text {
        case "cpu": expected = type.isNumber ? nil : "integer or floating point"
        case "mem", "disk": expected = type.isEqual(to: .int) ? nil : "an integer"
        case "cpufeatures": expected = type.isSubtype(of: .list(.string)) ? nil : "a list of strings"
        case "wide": expected = type.isEqual(to: .bool) ? nil : "a boolean"
        default:
          let suggestion = suggestion(for: name.text, among: Self.requirements, at: range(name.token))
          report(
            .requiresParameter, "unrecognized parameter \(name.text)", at: place,
            notes: [Diagnostic.Note("it is given here", at: range(name.token))] + suggestion.notes,
            fixIts: suggestion.fixIts)
          continue
        }
        if let expected {
          report(.requiresParameterType, "\(name.text) must be \(expected), not \(type)", at: range(value))
        }
        if flow(value).isDelayed {
          report(
            .notImmediate, "parameter \(name.text) is not immediate", at: range(value),
            notes: [Diagnostic.Note("its value must be known without running a step or reading a source")])
        }
      }
    }
  }
}
