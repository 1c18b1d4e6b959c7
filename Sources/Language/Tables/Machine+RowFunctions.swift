import BuildGraph
import Diagnostics

/// Makes row functions of closures.
extension Machine {
  /// What a row function is applied to: the words of some generators, by where they lie.
  struct RowSource {
    enum Kind {
      /// An element of this type, whose words are the generator's columns.
      case element(Type)
      /// `{key, rows}`: the key's words come first; the rows are in a column of their own, if they are wanted.
      case group(key: Type, rows: [Type.Field], rowsColumn: Int?)
      /// One word.
      case word(ColumnKind, column: Int)
      /// Rows as a list in one word.
      case list([Type.Field], column: Int)
    }

    var generator: Int
    var kind: Kind
  }

  /// A closure that has been frozen, or why that must wait.
  enum Frozen {
    case closure(Closure)
    case wait([NodeID])
  }

  func freeze(_ closure: Closure) -> (frozen: Closure, freezer: Freezer) {
    var freezer = Freezer(self)
    let frozen = freezer.freeze(closure)
    return (frozen, freezer)
  }

  /// The nodes that a function of rows waits for: all that it captures must be known.
  func pendingCaptures(of closure: Closure) -> [NodeID] { freeze(closure).freezer.pending }

  /// - Precondition: nothing that the closure captures is pending.
  mutating func rowFunction(
    _ closure: Closure, _ sources: [RowSource], _ layout: RowLayout, makesList: Bool = false, origin: Int32
  ) throws(Failure) -> RowFunction {
    let (frozen, freezer) = freeze(closure)
    let location = current.code.module.location(of: origin)
    if freezer.hasForbidden {
      throw fail(
        Diagnostic(
          EvaluationMessage.rowStep.id,
          "a function that is applied to rows cannot make or wait for a step, nor make a table",
          at: current.code.module.range(of: origin) ?? range,
          notes: freezer.forbidden.map { [Diagnostic.Note("this cannot be computed row by row", at: $0)] } ?? []))
    }
    var inputs: [RowFunction.Input] = []
    var parameters = sources.map { parameter($0, &inputs) }
    let isCertain = !frozen.canFail
    var program: RowProgram?
    let known = parameters.compactMap { Self.symbolic($0) }
    if known.count == parameters.count {
      var built: RowProgramBuilder.Result?
      if !makesList {
        built = RowProgramBuilder.build(frozen, known, inputs: inputs.count, result: layout)
      } else if case .scalar(.string) = layout {
        built = RowProgramBuilder.buildFields(frozen, known, inputs: inputs.count)
      }
      if let built {
        program = built.program
        var place: [Int: Int] = [:]
        for (index, old) in built.used.enumerated() { place[old] = index }
        parameters = parameters.map { $0.renumbered(place) }
        inputs = built.used.map { inputs[$0] }
      }
    }
    var manifest = DigestManifest()
    manifest.write(.name, "row")
    manifest.write(.identity, CodeDigest.digest(of: frozen, symbols, graph))
    for input in inputs {
      manifest.write(.input, input.generator)
      manifest.write(.ordinal, input.column)
      manifest.write(.kind, Int(input.kind.rawValue))
    }
    manifest.write(.label, layout.describe(symbols))
    manifest.write(.count, makesList ? 1 : 0)
    return RowFunction(
      closure: frozen, parameters: parameters, inputs: inputs, result: layout, makesList: makesList,
      canFail: program.map(\.canFail) ?? !isCertain, program: program, key: manifest.finish(), location: location,
      symbols: symbols, limits: limits)
  }

  // MARK: Parameters

  private mutating func parameter(_ source: RowSource, _ inputs: inout [RowFunction.Input]) -> RowParameter {
    func add(_ kind: ColumnKind, _ column: Int) -> RowParameter {
      inputs.append(.init(generator: source.generator, column: column, kind: kind))
      return .scalar(kind, inputs.count - 1)
    }
    switch source.kind {
    case .word(let kind, let column): return add(kind, column)
    case .element(let type):
      var column = 0
      return parameter(type, &column, add)
    case .group(let key, let rows, let rowsColumn):
      var column = 0
      let keyParameter = parameter(key, &column, add)
      let shape = Shape(rows.map { symbols.symbol($0.name) })
      let kinds = rows.compactMap { ColumnKind($0.type) }
      var index: Int?
      if let rowsColumn {
        inputs.append(.init(generator: source.generator, column: rowsColumn, kind: .rows))
        index = inputs.count - 1
      }
      return .record(
        Shape([symbols.symbol("key"), symbols.symbol("rows")]), [keyParameter, .rows(index, shape, kinds)])
    case .list(let rows, let column):
      inputs.append(.init(generator: source.generator, column: column, kind: .rows))
      return .rows(
        inputs.count - 1, Shape(rows.map { symbols.symbol($0.name) }), rows.compactMap { ColumnKind($0.type) })
    }
  }

  private mutating func parameter(
    _ type: Type, _ column: inout Int, _ add: (ColumnKind, Int) -> RowParameter
  ) -> RowParameter {
    if case .structure(let fields) = type.unlabelled {
      let shape = Shape(fields.map { symbols.symbol($0.name) })
      var parts: [RowParameter] = []
      for field in fields { parts.append(parameter(field.type, &column, add)) }
      return .record(shape, parts)
    }
    if case .tuple(let elements) = type.unlabelled {
      var parts: [RowParameter] = []
      for element in elements { parts.append(parameter(element.type, &column, add)) }
      return .tuple(parts)
    }
    // The element of an empty list has no kind; there is none.
    defer { column += 1 }
    return add(ColumnKind(type) ?? .int, column)
  }

  private static func symbolic(_ parameter: RowParameter) -> RowProgramBuilder.Symbolic? {
    switch parameter {
    case .scalar(let kind, let index): return index.map { .register(kind, $0) } ?? .constant(.absent)
    case .record(let shape, let parts):
      var fields: [(name: Symbol, value: RowProgramBuilder.Symbolic)] = []
      for (name, part) in zip(shape.names, parts) {
        guard let value = symbolic(part) else { return nil }
        fields.append((name, value))
      }
      return .record(fields)
    case .tuple(let parts):
      let values = parts.compactMap { symbolic($0) }
      return values.count == parts.count ? .tuple(values) : nil
    // Nothing compact can be done with it, but it may well be that nothing is.
    case .rows: return .constant(.absent)
    }
  }

  // MARK: Layouts

  /// The words of a value of this type.
  mutating func layout(of type: Type) -> RowLayout {
    if case .structure(let fields) = type.unlabelled {
      var parts: [(name: Symbol, layout: RowLayout)] = []
      for field in fields { parts.append((symbols.symbol(field.name), layout(of: field.type))) }
      return .record(parts)
    }
    if case .tuple(let elements) = type.unlabelled {
      var parts: [RowLayout] = []
      for element in elements { parts.append(layout(of: element.type)) }
      return .tuple(parts)
    }
    return .scalar(ColumnKind(type) ?? .int)
  }
}

extension RowParameter {
  /// With the inputs that are left, by their new numbers.
  fileprivate func renumbered(_ place: [Int: Int]) -> RowParameter {
    switch self {
    case .scalar(let kind, let index): .scalar(kind, index.flatMap { place[$0] })
    case .record(let shape, let parts): .record(shape, parts.map { $0.renumbered(place) })
    case .tuple(let parts): .tuple(parts.map { $0.renumbered(place) })
    case .rows(let index, let shape, let kinds): .rows(index.flatMap { place[$0] }, shape, kinds)
    }
  }
}

extension RowLayout {
  /// What it says, for a key.
  fileprivate func describe(_ symbols: SymbolTable) -> String {
    switch self {
    case .scalar(let kind): "\(kind)"
    case .record(let fields):
      "{" + fields.map { symbols[$0.name] + " " + $0.layout.describe(symbols) }.joined(separator: ",") + "}"
    case .tuple(let parts): "(" + parts.map { $0.describe(symbols) }.joined(separator: ",") + ")"
    case .encoded: "encoded"
    }
  }
}

extension Closure {
  /// Whether running this frozen code may fail, as far as its instructions tell. False is certain but for results beyond
  /// the limits of an evaluation: strings of a gigabyte, ints of a million bits, floats that are no numbers.
  var canFail: Bool {
    var seen: Set<ObjectIdentifier> = []
    var isRecursive = false
    return Self.canFail(code, &seen, &isRecursive) || isRecursive
  }

  private static func canFail(_ unit: CodeUnit, _ seen: inout Set<ObjectIdentifier>, _ again: inout Bool) -> Bool {
    guard seen.insert(ObjectIdentifier(unit)).inserted else {
      // Perhaps only used twice; a call within itself could be too deep.
      again = true
      return false
    }
    for instruction in unit.instructions where canFail(instruction, in: unit.module, &seen, &again) { return true }
    return false
  }

  private static func canFail(
    _ instruction: Instruction, in module: ModuleCode, _ seen: inout Set<ObjectIdentifier>, _ again: inout Bool
  ) -> Bool {
    switch instruction {
    case .constant(let index):
      if case .closure(let closure) = module.constants[Int(index)] { return canFail(closure.code, &seen, &again) }
      if case .native = module.constants[Int(index)] { return true }
      return false
    case .closure(let unit), .iterateNext(let unit, end: _):
      return canFail(module.units[Int(unit)], &seen, &again)
    case .bind(let matcher): return module.matchers[Int(matcher)].isRefutable
    case .binary(let op, type: _):
      switch op {
      case .add, .subtract, .multiply, .less, .greater, .lessEqual, .greaterEqual, .equal, .notEqual, .and, .or,
        .sequence:
        return false
      case .divide, .remainder, .bitAnd, .shiftLeft, .shiftRight: return true
      }
    case .system(let function, arguments: _, type: _): return !function.isTotal
    case .builtin(let builtin, arguments: _, type: _): return builtin != .len
    case .index, .slice, .reduceStart, .exec, .make, .relate, .fixpointStart, .fixpointEnd, .parameter,
      .missingParameter, .enterRequirements, .leaveRequirements, .endModule:
      return true
    case .local, .outer, .store, .jump, .branch, .select, .unary, .sequence, .member, .toInteger, .toFloat, .tuple,
      .record, .list, .map, .mergeUnder, .variant, .call, .foldStart, .foldNext, .foldStep, .sortStart, .sortNext,
      .sortStep, .sortFinish, .collect, .iterate, .filter, .yield, .endIteration, .collected, .return:
      return false
    }
  }
}

extension Matcher {
  /// Whether there are values of the pattern's type that do not fit.
  fileprivate var isRefutable: Bool {
    nodes.contains { node in
      switch node {
      case .wildcard, .bind, .tuple, .record: false
      case .list, .variant, .literal: true
      }
    }
  }
}

extension SystemFunction {
  /// Whether it has a value for all strings.
  fileprivate var isTotal: Bool {
    switch self {
    case .stringsHasPrefix, .stringsHasSuffix, .stringsFromInt, .stringsFromBool, .stringsTrim, .stringsFields,
      .stringsLines, .stringsLower, .stringsUpper, .stringsContains, .stringsIndex, .pathBase, .pathExt, .pathDir:
      true
    case .testAssert, .testAssertMap, .testAll, .testExecRepeatAndCheck, .dirsGroups, .dirsMake, .dirsFromList,
      .dirsSum, .dirsPick, .dirsFiles, .dirsCopy, .dirsFileset, .dirsGlob, .filesCopy, .filesCreate, .filesFileset,
      .filesText, .filesLines, .regexpGroups, .regexpMatch, .regexpReplace, .stringsSplit, .stringsChunk,
      .stringsJoin, .stringsSort, .stringsFromFloat, .stringsToInt, .stringsToFloat, .stringsReplace, .stringsSlice,
      .pathJoin, .filesetsDir, .filesetsFile, .listsSort, .listsSortBy, .listsContains, .listsUnique, .listsReverse,
      .listsEnumerate, .listsSum, .listsMin, .listsMax, .listsTake, .listsDrop:
      false
    }
  }
}
