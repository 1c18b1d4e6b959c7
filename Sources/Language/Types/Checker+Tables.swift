import BuildGraph
import Diagnostics

/// The forms and builtins that make and use tables.
extension Checker {
  // MARK: table(…) ROW

  private static let tableOptions: [(name: String, wanted: String, type: Type)] = [
    ("format", "a string", .string), ("header", "a boolean", .bool), ("empty", "a string", .string),
    ("malformed", "a string", .string), ("columns", "a map of strings to strings", .map(key: .string, value: .string)),
    ("path", "a string", .string), ("number", "a string", .string), ("append", "a boolean", .bool),
  ]

  mutating func finishTable(_ id: ExpressionID, _ table: Expression.Table) {
    let (row, measure) = resolve(table.row)
    let options = arguments(table.options)
    guard let fields = row.rowFields else {
      if !row.containsError { reportRow(row, at: range(table.row)) }
      return set(id, .error)
    }
    let source = type(table.source)
    switch source {
    case .file, .dir, .error: checkOptions(options, fields)
    case .list(let element) where element.unlabelled == .file: checkOptions(options, fields)
    case .list(let element):
      checkSource(element.unlabelled, row, table.source)
      if let (name, _, _) = options.first {
        report(
          .tableOption, "a table of a list has no options", at: range(name.token),
          notes: [Diagnostic.Note("options say how files are read")])
      }
    case .int, .float, .string, .bool, .unit, .fileset, .top, .bottom, .map, .tuple, .structure, .module, .function,
      .sum, .table, .scheme:
      let isPath = source == .string
      report(
        .tableSource,
        "a table is made of a file, a dir, a list of files or a list of structs, not of \(shortened(source))",
        at: range(table.source), fixIts: isPath ? [wrap(table.source, in: "file")] : [])
    }
    set(id, .table(row), .delayed, bound: measure)
  }

  private mutating func checkSource(_ element: Type, _ row: Type, _ source: ExpressionID) {
    guard !element.isSubtype(of: row) else { return }
    report(
      .tableSource, "cannot make a table of \(shortened(row)) from a list of \(shortened(element))", at: range(source),
      notes: element.discrepancy(with: row).map { [Diagnostic.Note($0)] } ?? [])
  }

  private mutating func checkOptions(
    _ options: [(name: Name, value: ExpressionID, type: Type)], _ fields: [Type.Field]
  ) {
    for (name, value, type) in options {
      guard let option = Self.tableOptions.first(where: { $0.name == name.text }) else {
        let suggestion = suggestion(
          for: name.text, among: Self.tableOptions.map(\.name), at: range(name.token))
        report(
          .tableOption, "unrecognized table option \(name.text)", at: range(name.token), notes: suggestion.notes,
          fixIts: suggestion.fixIts)
        continue
      }
      guard type.isSubtype(of: option.type) else {
        report(.tableOptionValue, "\(name.text) must be \(option.wanted), not \(type)", at: range(value))
        continue
      }
      guard case .string(let text) = tree[value].kind else { continue }
      checkOption(name.text, text, at: value, fields)
    }
  }

  /// What can be said of an option that is written as a literal; of others the evaluator says it.
  private mutating func checkOption(
    _ name: String, _ text: ByteString, at value: ExpressionID, _ fields: [Type.Field]
  ) {
    func one(of words: [String]) {
      guard !words.contains(text.display) else { return }
      let suggestion = suggestion(for: text.display, among: words, at: range(value))
      let list = words.map { "\"\($0)\"" }.joined(separator: ", ")
      report(
        .tableOptionValue, "\(name) must be one of \(list), not \"\(text.display)\"", at: range(value),
        notes: suggestion.notes,
        fixIts: suggestion.fixIts.map { fix in
          FixIt(fix.message, fix.edits.map { FixIt.Edit($0.range, "\"\($0.replacement)\"") })
        })
    }
    func field(_ type: Type) {
      if fields.contains(where: { $0.name == text.display && $0.type.unlabelled == type }) { return }
      report(
        .tableOptionValue, "\(name) must name a field of type \(type), and \"\(text.display)\" is none",
        at: range(value))
    }
    switch name {
    case "format":
      one(of: FileTable.Format.allCases.map(\.rawValue))
    case "empty": one(of: FileTable.Empty.allCases.map(\.rawValue))
    case "malformed": one(of: FileTable.Malformed.allCases.map(\.rawValue))
    case "path": field(.string)
    case "number": field(.int)
    case _: break
    }
  }

  // MARK: Builtins

  mutating func finishTableBuiltin(
    _ id: ExpressionID, _ builtin: Builtin, _ arguments: [ExpressionID], _ given: [Type]
  ) {
    guard let row = flatRow(arguments[0], builtin) else { return set(id, builtin.fixedResult ?? .error) }
    let all = bound(arguments)
    switch builtin {
    case .distinct: set(id, .table(row), .delayed, bound: all)
    case .rows: set(id, .list(row), .delayed, bound: all)
    case .csv, .tsv, .jsonl: set(id, .file, .delayed)
    case .parts:
      requireArgument(arguments[1], .int, builtin)
      set(id, .dir, .delayed)
    case .group:
      guard let key = key(arguments[1], of: row, builtin) else { return set(id, .error) }
      guard key.isGroupKey else {
        return refuse(
          id, arguments[1],
          "group needs keys that are scalars, or tuples or structs of scalars, not \(shortened(key))")
      }
      let group = Type.structure([Type.Field("key", key), Type.Field("rows", .list(row))])
      set(id, .table(group), .delayed, bound: .unknown)
    case .semijoin, .antijoin:
      guard let other = flatRow(arguments[1], builtin), let left = key(arguments[2], of: row, builtin),
        let right = key(arguments[3], of: other, builtin)
      else { return set(id, .error) }
      if !left.isEqual(to: right) || !left.isGroupKey {
        let text =
          left.isGroupKey
          ? "\(builtin.rawValue) compares keys of one type, not \(left) with \(right)"
          : "\(builtin.rawValue) needs keys that are scalars, or tuples or structs of scalars, not \(shortened(left))"
        report(.argumentType, text, at: range(arguments[3]))
      }
      set(id, .table(row), .delayed, bound: measure(arguments[0]))
    case .fixpoint: finishFixpoint(id, arguments, row)
    case .delay, .error, .fold, .flatten, .len, .list, .map, .panic, .range, .reduce, .trace, .unzip, .zip, .quote,
      .sum, .avg, .min, .max:
      set(id, .error)
    }
  }

  /// The row type of an argument that must be a table of scalars.
  private mutating func flatRow(_ argument: ExpressionID, _ builtin: Builtin) -> Type? {
    let given = type(argument)
    switch given {
    case .error: return nil
    case .table(let row):
      if row.isGroupRow {
        reportGrouped(at: range(argument), builtin.rawValue)
        return nil
      }
      return row
    case .list(let element) where element.rowFields != nil:
      let place = range(argument)
      report(
        .argumentType, "\(builtin.rawValue) expects a table, not \(shortened(given))", at: place,
        fixIts: [
          FixIt(
            "make a table of it",
            [
              .init(SourceRange(tree.source, place.lower, place.lower), "table("),
              .init(SourceRange(tree.source, place.upper, place.upper), ") \(element)"),
            ])
        ])
      return nil
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .list, .map, .tuple, .structure,
      .module, .function, .sum, .scheme:
      report(.argumentType, "\(builtin.rawValue) expects a table, not \(shortened(given))", at: range(argument))
      return nil
    }
  }

  /// What a function of a row makes.
  private mutating func key(_ argument: ExpressionID, of row: Type, _ builtin: Builtin) -> Type? {
    let given = type(argument)
    guard case .function(let parameters, let result) = given, parameters.count == 1,
      row.isSubtype(of: parameters[0].type)
    else {
      if !given.containsError {
        report(
          .argumentType,
          "\(builtin.rawValue) expects a function of a row, func(\(shortened(row))) K, not \(shortened(given))",
          at: range(argument))
      }
      return nil
    }
    return result.containsError ? nil : result.unlabelled
  }

  private mutating func finishFixpoint(_ id: ExpressionID, _ arguments: [ExpressionID], _ row: Type) {
    let table = Type.table(row)
    let given = type(arguments[1])
    if case .function(let parameters, let result) = given, parameters.count == 1,
      table.isSubtype(of: parameters[0].type)
    {
      if !result.isEqual(to: table) {
        report(
          .argumentType,
          "fixpoint expects a function that returns \(shortened(table)) like its seed, not \(shortened(result))",
          at: range(arguments[1]), notes: result.discrepancy(with: table).map { [Diagnostic.Note($0)] } ?? [])
      }
    } else if !given.containsError {
      report(
        .argumentType,
        "fixpoint expects a function of the table, func(\(shortened(table))) \(shortened(table)), not \(shortened(given))",
        at: range(arguments[1]))
    }
    if arguments.count == 3, let priority = key(arguments[2], of: row, .fixpoint), priority != .int {
      report(.argumentType, "the priority of a row is an int, not \(shortened(priority))", at: range(arguments[2]))
    }
    warnOfGrowth(arguments[1])
    set(id, table, .delayed, bound: measure(arguments[0]))
  }

  /// Tells of `seen + [… | s <- seen, …]`: a row that is found again is there twice, so that the rounds may never come to an end.
  private mutating func warnOfGrowth(_ argument: ExpressionID) {
    guard case .function(let function) = tree[argument].kind, let name = function.parameters.first?.name?.text,
      case .binary(.add, let left, let right) = tree[function.body].kind
    else { return }
    func isWhole(_ id: ExpressionID) -> Bool {
      if case .identifier(let found) = tree[id].kind { return found.text == name }
      return false
    }
    guard let more = isWhole(left) ? right : isWhole(right) ? left : nil,
      case .comprehension(_, let clauses) = tree[more].kind
    else { return }
    // What is not there yet is added once.
    let sources = clauses.compactMap { clause in
      if case .enumeration(_, let source) = clause { source } else { nil }
    }
    guard sources.contains(where: isWhole) else { return }
    warnings.append(
      Diagnostic(
        CheckerMessage.fixpointGrowth.id, .warning,
        "this fixpoint may have no end: a row that is found again is added again", at: range(function.body),
        notes: [Diagnostic.Note("distinct keeps one of each row")], fixIts: [wrap(function.body, in: "distinct")]))
  }

  mutating func finishAggregate(_ id: ExpressionID, _ builtin: Builtin, _ argument: ExpressionID, _ flow: Flow) {
    guard let element = element(argument, builtin) else { return set(id, .error) }
    let isOrder = builtin == .min || builtin == .max
    switch element {
    case .int, .float: set(id, builtin == .avg ? .float : element, flow)
    case .bottom: set(id, builtin == .sum ? .int : builtin == .avg ? .float : .bottom, flow)
    case .string where isOrder: set(id, .string, flow)
    case .error: set(id, .error)
    case .string, .bool, .file, .dir, .unit, .fileset, .top, .list, .map, .tuple, .structure, .module, .function, .sum,
      .table, .scheme:
      refuse(
        id, argument,
        "\(builtin.rawValue) works on lists of ints or floats\(isOrder ? " or strings" : ""), not \(shortened(type(argument)))"
      )
    }
  }

  /// `a + b`
  mutating func finishUnion(_ id: ExpressionID, _ left: ExpressionID, _ right: ExpressionID) {
    guard case .table(let a) = type(left), case .table(let b) = type(right) else { return }
    if a.isGroupRow || b.isGroupRow {
      reportGrouped(at: range(a.isGroupRow ? left : right), "\"+\"")
      return set(id, .error)
    }
    guard a.isEqual(to: b) else {
      report(
        .operatorTypes, "cannot add tables of different rows, \(shortened(a)) and \(shortened(b))", at: range(id),
        notes: [Diagnostic.Note("a comprehension makes rows of the same fields: [{...} | r <- t]")])
      return set(id, .error)
    }
    set(id, .table(a), .delayed, bound: measure(left))
  }

  // MARK: Complaints

  mutating func reportRow(_ row: Type, at place: SourceRange) {
    if row.containsError { return }
    report(
      .tableRow, "a row is a struct of ints, floats, strings and bools, not \(shortened(row))", at: place)
  }

  mutating func reportGrouped(at place: SourceRange, _ user: String) {
    report(
      .groupedTable, "\(user) does not work on a grouped table", at: place,
      notes: [Diagnostic.Note("make a row of each group first: [{key: g.key, n: len(g.rows)} | g <- t]")])
  }

  mutating func reportGroupedOutput() {
    guard let id = tree.module.declarations.last(where: { tree.declares("Main", $0) }) else { return }
    report(
      .groupedTable, "a grouped table cannot become a file", at: range(id),
      notes: [Diagnostic.Note("make a row of each group first: [{key: g.key, n: len(g.rows)} | g <- t]")])
  }

  /// Says that a table stands where only lists may, and how to make one of it.
  mutating func reportTable(_ id: ExpressionID, _ message: CheckerMessage, _ text: String) {
    var isGroup = false
    if case .table(let row) = type(id) { isGroup = row.isGroupRow }
    report(
      message, text, at: range(id), notes: isGroup ? [] : [Diagnostic.Note("rows(t) makes a list of a table")],
      fixIts: isGroup ? [] : [wrap(id, in: "rows")])
  }

  /// Puts a call around an expression.
  func wrap(_ id: ExpressionID, in function: String) -> FixIt {
    let place = range(id)
    return FixIt(
      "write \(function)(...)",
      [
        .init(SourceRange(tree.source, place.lower, place.lower), function + "("),
        .init(SourceRange(tree.source, place.upper, place.upper), ")"),
      ])
  }
}

extension SyntaxTree {
  /// Whether a declaration of the module declares this name.
  fileprivate func declares(_ name: String, _ id: DeclarationID) -> Bool {
    switch self[id].kind {
    case .value(let pattern, type: _, value: _, form: _): names(in: pattern).contains { $0.text == name }
    case .function(let own, _): own.text == name
    case .error, .type, .param: false
    }
  }
}
