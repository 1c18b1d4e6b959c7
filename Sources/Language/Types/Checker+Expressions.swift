import BuildGraph
import Diagnostics

// Before and after the parts of an expression: `visit` lays out the tasks for its parts in order, `finish` finds its type
// from theirs.
extension Checker {
  mutating func visit(_ id: ExpressionID) {
    switch tree[id].kind {
    case .error: set(id, .error)
    case .integer: set(id, .int)
    case .float: set(id, .float)
    case .string: set(id, .string)
    case .bool: set(id, .bool)
    case .identifier(let name): checkIdentifier(id, name)
    case .unary(_, let operand): visit(id, parts: [operand])
    case .binary(_, let left, let right): visit(id, parts: [left, right])
    case .conditional(let condition, let then, let otherwise):
      agenda.append(.finish(id))
      agenda.append(.visit(otherwise))
      agenda.append(.visit(then))
      agenda.append(.checkFilter(condition))
      agenda.append(.visit(condition))
    case .switch(let scrutinee, let cases): visitSwitch(id, scrutinee, cases)
    case .index(let base, let index): visit(id, parts: [base, index])
    case .slice(let base, let lower, let upper): visit(id, parts: [base, lower, upper].compactMap { $0 })
    case .call(let callee, let arguments): visitCall(id, callee, arguments)
    case .member(let base, _): visit(id, parts: [base])
    case .tuple(let elements): visit(id, parts: elements)
    case .parenthesized(let inner): visit(id, parts: [inner])
    case .function(let function):
      agenda.append(.finish(id))
      openFunction(function, named: nil)
    case .exec(let exec): visitExec(id, exec)
    case .make(path: _, let arguments): visit(id, parts: arguments.compactMap { argument($0)?.value })
    case .block(let declarations, let value):
      agenda.append(.finish(id))
      agenda.append(.closeScope)
      agenda.append(.visit(value))
      for declaration in declarations.reversed() { agenda.append(.declare(declaration, .inner)) }
      scope.open()
    case .structure(let fields): visit(id, parts: fields.compactMap(\.value))
    case .list(let elements, let spreads): visit(id, parts: elements + spreads)
    case .map(let pairs, let spreads): visit(id, parts: pairs.flatMap { [$0.key, $0.value] } + spreads)
    case .comprehension(let head, let clauses): visitComprehension(id, head, clauses)
    case .table(let table): visit(id, parts: [table.source] + table.options.compactMap { argument($0)?.value })
    case .variant(_, let element): visit(id, parts: element.map { [$0] } ?? [])
    case .toInteger(let operand), .toFloat(let operand): visit(id, parts: [operand])
    }
  }

  mutating func visit(_ id: ExpressionID, parts: [ExpressionID]) {
    agenda.append(.finish(id))
    for part in parts.reversed() { agenda.append(.visit(part)) }
  }

  mutating func finish(_ id: ExpressionID) {
    switch tree[id].kind {
    case .error, .integer, .float, .string, .bool, .identifier: break
    case .unary(let sign, let operand): finishUnary(id, sign, operand)
    case .binary(let sign, let left, let right): finishBinary(id, sign, left, right)
    case .conditional(let condition, let then, let otherwise):
      let type = unify(type(then), type(otherwise), at: range(id), places: [then, otherwise])
      set(id, type, join([condition, then, otherwise]), bound: bound([then, otherwise]))
    case .switch(let scrutinee, let cases): finishSwitch(id, scrutinee, cases)
    case .index(let base, let index): finishIndex(id, base, index)
    case .slice(let base, let lower, let upper): finishSlice(id, base, [lower, upper].compactMap { $0 })
    case .call(let callee, let arguments): finishCall(id, callee, arguments)
    case .member(let base, let name): finishMember(id, base, name)
    case .tuple(let elements):
      let flows = elements.map(flow)
      set(
        id, .tuple(elements.map { Type.Labelled(nil, type($0)) }),
        flows.allSatisfy(\.isImmediate) ? .immediate : .elements(flows), bound: bound(elements))
    case .parenthesized(let inner), .block(_, let inner):
      set(id, types[Int(inner.index)], flow(inner), bound: measure(inner))
    case .function: finishFunction(id)
    case .exec(let exec): finishExec(id, exec)
    case .make(let path, let arguments): finishMake(id, path, arguments)
    case .structure(let fields): finishStructure(id, fields)
    case .list(let elements, let spreads): finishList(id, elements, spreads)
    case .map(let pairs, let spreads): finishMap(id, pairs, spreads)
    case .comprehension(let head, let clauses):
      finishComprehension(id, head, clauses)
    case .table(let table): finishTable(id, table)
    case .variant(let tag, let element):
      checkTag(tag)
      set(id, .sum([Type.Variant(tag.text, element.map(type))]), bound: bound(element.map { [$0] } ?? []))
    case .toInteger(let operand): finishConversion(id, operand, from: .float, to: .int)
    case .toFloat(let operand): finishConversion(id, operand, from: .int, to: .float)
    }
  }

  // MARK: Names

  private mutating func checkIdentifier(_ id: ExpressionID, _ name: Name) {
    let found = look(up: name)
    if let resolution = found.resolution { resolutions[id] = resolution }
    if let token = found.token { bindingTokens[Int(id.index)] = token }
    set(id, found.type, found.flow, bound: found.measure)
  }

  struct Found {
    var type: Type = .error
    var flow: Flow = .immediate
    var measure: TypeMeasure = .scalar
    var resolution: CheckedModule.Resolution?
    /// Where it is declared in this module.
    var token: TokenIndex?
  }

  /// What a name means here; reports it if it means nothing.
  mutating func look(up name: Name) -> Found {
    if let binding = scope.use(name.text) {
      names?.note(use: name.token, of: binding.token)
      switch binding.meaning {
      case .variable:
        return Found(
          type: binding.type, flow: binding.flow, measure: binding.measure, resolution: .variable, token: binding.token)
      case .recursive(let declaration):
        return Found(
          type: binding.type, flow: binding.flow, measure: binding.measure, resolution: .recursive(declaration),
          token: binding.token)
      case .untypedRecursion:
        report(
          .recursionWithoutType, "function \"\(name.text)\" uses itself, so its result type must be declared",
          at: range(name.token),
          notes: [
            Diagnostic.Note("write the result type before the \"=\" of its declaration", at: range(binding.token))
          ])
        return Found()
      }
    }
    if let value = Checker.prelude(name.text) {
      var flow = Flow.immediate
      if case .function = value { flow = .function(.delayed) }
      return Found(type: value, flow: flow, resolution: .prelude(name.text))
    }
    if lostNames.contains(name.text) { return Found() }
    if name.text == "table" {
      report(
        .unknownName, "identifier \"table\" not defined", at: range(name.token),
        notes: [Diagnostic.Note("a table is written with the type of its rows: table(...) {name string, n int}")])
      return Found()
    }
    if Builtin(rawValue: name.text) != nil {
      report(
        .builtinAsValue, "identifier \"\(name.text)\" not defined", at: range(name.token),
        notes: [Diagnostic.Note("\(name.text) is a builtin: it can be called by its name, but is not a value")])
      return Found()
    }
    if let outputs = openOutputs.last, outputs.contains(where: { $0.label == name.text }) {
      report(
        .unknownName, "identifier \"\(name.text)\" not defined", at: range(name.token),
        notes: [Diagnostic.Note("an output is named by itself: {{\(name.text)}}")])
      return Found()
    }
    let later = declaredLater(name.text)
    if !later.isEmpty {
      report(.unknownName, "identifier \"\(name.text)\" not defined", at: range(name.token), notes: later)
      return Found()
    }
    let outputs = openOutputs.last?.compactMap(\.label) ?? []
    var suggestion: (notes: [Diagnostic.Note], fixIts: [FixIt]) = ([], [])
    if let hint = Self.hint(for: name.text) {
      suggestion.notes = [Diagnostic.Note(hint)]
    } else {
      suggestion = self.suggestion(
        for: name.text, among: scope.names + Checker.preludeNames + outputs, at: range(name.token))
      if suggestion.notes.isEmpty, declaredTypes[name.text] != nil {
        suggestion.notes = [Diagnostic.Note("it is a type: a struct is written {a: 1}, without a name before it")]
      } else if suggestion.notes.isEmpty, !outputs.isEmpty {
        let names = outputs.map { "{{\($0)}}" }.joined(separator: ", ")
        suggestion.notes = [Diagnostic.Note("what the step makes is called \(names)")]
      }
    }
    report(
      .unknownName, "identifier \"\(name.text)\" not defined", at: range(name.token), notes: suggestion.notes,
      fixIts: suggestion.fixIts)
    return Found()
  }

  static let preludeNames = ["file", "dir", "KiB", "MiB", "GiB", "TiB"]

  static func prelude(_ name: String) -> Type? {
    switch name {
    case "file": .function([Type.Labelled("url", .string)], .file)
    case "dir": .function([Type.Labelled("url", .string)], .dir)
    case "KiB", "MiB", "GiB", "TiB": .int
    default: nil
    }
  }

  // MARK: Unification and flows

  /// The common type of parts that are alternatives of one value; reports and absorbs if there is none.
  mutating func unify(_ a: Type, _ b: Type, at range: SourceRange, places: [ExpressionID] = []) -> Type {
    switch Type.unify(a, b) {
    case .success(let type): return type
    case .failure(let conflict):
      let notes = places.map { Diagnostic.Note("this has type \(type($0))", at: self.range($0)) }
      report(.noCommonType, "\(conflict)", at: range, notes: notes)
      return .error
    }
  }

  /// Of a value computed from all of these.
  func join(_ parts: [ExpressionID]) -> Flow { parts.contains { flow($0).isDelayed } ? .delayed : .immediate }

  // MARK: Parts of values

  private mutating func finishIndex(_ id: ExpressionID, _ base: ExpressionID, _ index: ExpressionID) {
    let flow: Flow = join([base, index])
    switch type(base) {
    case .error: set(id, .error)
    case .list(let element):
      if !type(index).isEqual(to: .int) {
        report(
          .indexType, "cannot use value (type \(type(index))) as an index of a list: an int is needed", at: range(index)
        )
      }
      set(id, element, flow, bound: measure(base))
    case .map(let key, let value):
      if !type(index).isEqual(to: key) {
        report(.indexType, "cannot use value (type \(type(index))) as a key of \(type(base))", at: range(index))
      }
      set(id, value, flow, bound: measure(base))
    case .string:
      report(
        .notIndexable, "expected list or map, got string", at: range(base),
        notes: [Diagnostic.Note("make(\"$/strings\").Slice takes parts of strings")])
    case .dir:
      report(
        .notIndexable, "expected list or map, got dir", at: range(base),
        notes: [Diagnostic.Note("map(d) turns a dir into a map from paths to files")])
    case .table: reportTable(base, .notIndexable, "expected list or map, got \(type(base))")
    case .structure, .module:
      report(
        .notIndexable, "expected list or map, got \(type(base))", at: range(base),
        notes: [Diagnostic.Note("a field is written with a dot, as in x.name")])
    case .int, .float, .bool, .file, .unit, .fileset, .top, .bottom, .tuple, .function, .sum, .scheme:
      report(.notIndexable, "expected list or map, got \(type(base))", at: range(base))
    }
  }

  private mutating func finishSlice(_ id: ExpressionID, _ base: ExpressionID, _ bounds: [ExpressionID]) {
    for index in bounds where !type(index).isEqual(to: .int) {
      report(
        .indexType, "cannot use value (type \(type(index))) as the bound of a slice: an int is needed", at: range(index)
      )
    }
    switch type(base) {
    case .error: set(id, .error)
    case .list(let element): set(id, .list(element), join([base] + bounds), bound: measure(base))
    case .string:
      report(
        .notIndexable, "expected list, got string", at: range(base),
        notes: [Diagnostic.Note("make(\"$/strings\").Slice takes parts of strings")])
    case .table: reportTable(base, .notIndexable, "expected list, got \(type(base))")
    case .int, .float, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .map, .tuple, .structure, .module,
      .function, .sum, .scheme:
      report(.notIndexable, "expected list, got \(type(base))", at: range(base))
    }
  }

  private mutating func finishMember(_ id: ExpressionID, _ base: ExpressionID, _ name: Name) {
    let fields: [Type.Field]
    switch type(base) {
    case .error: return set(id, .error)
    case .structure(let found), .module(let found, aliases: _): fields = found
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .list, .map, .tuple, .function,
      .sum, .table, .scheme:
      return report(
        .noFields, "expected struct or module, got \(type(base))", at: range(base),
        notes: [Diagnostic.Note(noFieldsNote(type(base), name.text))])
    }
    guard let field = fields.last(where: { $0.name == name.text }) else {
      var suggestion = suggestion(for: name.text, among: fields.map(\.name), at: range(name.token))
      if case .module = type(base), suggestion.notes.isEmpty, name.text.first?.isLowercase == true {
        suggestion.notes = [Diagnostic.Note("a module shows only what begins with a capital letter")]
      }
      return report(
        .unknownField, "field \"\(name.text)\" not found", at: range(name.token),
        notes: [Diagnostic.Note("the value has type \(shortened(type(base)))", at: range(base))] + suggestion.notes,
        fixIts: suggestion.fixIts)
    }
    if case .system(let module) = flow(base), let function = module[name.text] { resolutions[id] = .system(function) }
    if case .scheme(let function) = field.type {
      resolutions[id] = .system(function)
      if !isCallee[Int(id.index)] {
        report(
          .genericAsValue, "\(function.rawValue) works on lists of several types and is not a value", at: range(id),
          notes: [Diagnostic.Note("call it, or write a function that calls it")])
        return set(id, .error)
      }
    }
    set(id, field.type, flow(base).field(name.text), bound: measure(base))
  }

  private func noFieldsNote(_ type: Type, _ name: String) -> String {
    if let hint = Self.hint(for: name, of: type) { return hint }
    if case .map(let key, _) = type, key == .string { return "an entry of a map is written m[\"\(name)\"]" }
    return "only structs and modules have fields such as \"\(name)\""
  }

  /// A type for a message, cut where it is long.
  func shortened(_ type: Type) -> String {
    let text = type.description
    return text.count > 200 ? String(text.prefix(197)) + "..." : text
  }

  private mutating func finishStructure(_ id: ExpressionID, _ fields: [Expression.Field]) {
    var result: [Type.Field] = []
    var flows: [String: Flow] = [:]
    var bound = TypeMeasure.scalar
    var seen: Set<String> = []
    for field in fields {
      guard seen.insert(field.name.text).inserted else {
        report(.duplicateField, "field \"\(field.name.text)\" is given twice", at: range(field.name.token))
        continue
      }
      let found: Found
      if let value = field.value {
        found = Found(type: type(value), flow: flow(value), measure: measure(value))
      } else {
        found = look(up: field.name)
        if let token = found.token { shorthandTokens[id, default: []].append(token) }
      }
      result.append(Type.Field(field.name.text, found.type.unlabelled))
      bound.include(found.measure)
      if !found.flow.isImmediate { flows[field.name.text] = found.flow }
    }
    set(id, .structure(result), flows.isEmpty ? .immediate : .fields(flows), bound: bound)
  }

  private mutating func finishList(_ id: ExpressionID, _ elements: [ExpressionID], _ spreads: [ExpressionID]) {
    var element = Type.bottom
    for (position, part) in elements.enumerated() {
      let places = position > 0 ? [elements[0], part] : []
      element = unify(element, type(part), at: range(id), places: places)
      if case .error = element { return set(id, .error) }
    }
    var result = Type.list(element)
    for spread in spreads {
      result = unify(result, type(spread), at: range(id), places: [spread])
      if case .error = result { return set(id, .error) }
    }
    set(id, result, join(spreads), bound: bound(elements + spreads))
  }

  private mutating func finishMap(_ id: ExpressionID, _ pairs: [Expression.Pair], _ spreads: [ExpressionID]) {
    var key = Type.top
    var value = Type.bottom
    for (position, pair) in pairs.enumerated() {
      let found = type(pair.key)
      guard found.isMapKey else {
        report(.invalidMapKey, "\(found) is not a valid map key type", at: range(pair.key))
        return set(id, .error)
      }
      if case .top = key {
        key = found
      } else {
        key = unify(key, found, at: range(id), places: [pairs[0].key, pair.key])
      }
      let places = position > 0 ? [pairs[0].value, pair.value] : []
      value = unify(value, type(pair.value), at: range(id), places: places)
      if case .error = value { return set(id, .error) }
      if case .error = key { return set(id, .error) }
    }
    var result = Type.map(key: key, value: value)
    for spread in spreads {
      result = unify(result, type(spread), at: range(id), places: [spread])
      if case .error = result { return set(id, .error) }
    }
    set(id, result, join(spreads), bound: bound(pairs.map(\.value) + spreads))
  }

  /// The condition of an `if`, in an expression or a comprehension.
  mutating func checkCondition(_ id: ExpressionID) {
    guard !type(id).isEqual(to: .bool) else { return }
    report(.notBoolean, "expected boolean expression, got \(type(id))", at: range(id))
  }
}
