import BuildGraph
import Diagnostics

/// Finds the type of everything in a module, or what is wrong with it.
///
/// The walk keeps its own stack, the ``agenda``: nesting costs memory on the heap, never machine stack. A task that needs
/// others done first puts them on top of what is left of itself. Every node's result is written once, to the side
/// tables; a parent reads its children's there.
struct Checker {
  /// What a `make` refers to, found by the loader.
  enum Module {
    case module(CheckedModule)
    case system(SystemModule)
    /// It could not be loaded, or has syntax errors; that has been reported.
    case broken
  }

  enum Task {
    case visit(ExpressionID)
    case finish(ExpressionID)
    case declare(DeclarationID, Level)
    case openFunction(DeclarationID)
    case finishDeclaration(DeclarationID, Level)
    case openScope
    case closeScope
    case bindGenerator(PatternID, ExpressionID)
    case checkFilter(ExpressionID)
    case openCase(PatternID, switch: ExpressionID)
    case closeCase
  }

  /// Where a declaration stands; decides what is exported and what is reported when unused.
  enum Level { case top, inner }

  /// A `switch` whose cases are being checked.
  struct OpenSwitch {
    var caseWarnings: [Int]
    var hasBadPattern = false
  }

  /// A comprehension whose clauses are being checked.
  struct OpenComprehension {
    enum Kind { case unknown, list, table }
    var kind = Kind.unknown
    var generators: [TableClauses.Generator] = []
  }

  /// A function whose body is being checked.
  struct OpenFunction {
    var parameters: [Type.Labelled]
    var result: Type?
    var measure: TypeMeasure
    var body: ExpressionID
  }

  let tree: SyntaxTree
  let modules: [ExpressionID: Module]

  var types: [Type]
  var measures: [TypeMeasure]
  var flows: [Flow]
  var resolutions: ResolutionTable
  var declarationTypes: [Type]
  var isCallee: [Bool]

  var scope = Scope()
  var agenda: [Task] = []
  var openSwitches: [OpenSwitch] = []
  var openFunctions: [OpenFunction] = []
  /// Comprehensions that are being checked, innermost last.
  var openComprehensions: [OpenComprehension] = []
  /// By expression: the token at which what an identifier means is declared; -1 for others.
  var bindingTokens: [TokenIndex]
  /// The same for the shorthand fields of a struct expression.
  var shorthandTokens: [ExpressionID: [TokenIndex]] = [:]
  var tableClauses: [ExpressionID: TableClauses] = [:]
  var warnedTraces: Set<ExpressionID> = []
  /// Outputs of the execs that are being checked.
  var openOutputs: [[Type.Labelled]] = []

  /// The parts of the type that is being resolved.
  var writtenTypes: [TypeSyntaxID: (type: Type, measure: TypeMeasure)] = [:]

  var params: [CheckedModule.Param] = []
  /// All declarations that export something, in order; of several of one name the last counts.
  var exports: [(field: Type.Field, flow: Flow)] = []
  var exportedAliases: [Type.Field] = []

  var errors: [Diagnostic] = []
  var warnings: [Diagnostic] = []
  /// How many names may still be compared with unknown ones.
  var suggestionBudget = 300_000
  /// Where the top level declares each name first; made when the first unknown name comes.
  var declaredNames: [String: TokenIndex]?
  var declaredTypes: [String: TokenIndex] = [:]
  /// How many errors there were when each declaration that is being checked began.
  var errorMarks: [Int] = []
  /// What names mean, if somebody wants to know.
  var names: NameTable?
  let hasSyntaxErrors: Bool
  /// Identifiers in stretches that could not be parsed: whoever declares or uses them may stand there.
  let lostNames: Set<String>

  private init(tree: SyntaxTree, modules: [ExpressionID: Module], hasSyntaxErrors: Bool, notesNames: Bool) {
    self.tree = tree
    self.modules = modules
    names = notesNames ? NameTable() : nil
    types = Array(repeating: .error, count: tree.expressions.count)
    measures = Array(repeating: .scalar, count: tree.expressions.count)
    flows = Array(repeating: .immediate, count: tree.expressions.count)
    resolutions = ResolutionTable(expressions: tree.expressions.count)
    declarationTypes = Array(repeating: .error, count: tree.declarations.count)
    isCallee = Array(repeating: false, count: tree.expressions.count)
    bindingTokens = Array(repeating: -1, count: tree.expressions.count)
    self.hasSyntaxErrors = hasSyntaxErrors
    lostNames = hasSyntaxErrors ? tree.namesInErrors() : []
  }

  /// Checks a module whose imports have been checked.
  ///
  /// - Parameter notesNames: whether the result has a ``CheckedModule/names``.
  /// - Complexity: O(nodes × size of their types), and for each `switch` a bounded amount more.
  static func check(
    _ tree: SyntaxTree, syntaxDiagnostics: [Diagnostic], modules: [ExpressionID: Module], notesNames: Bool = false
  ) -> CheckedModule {
    let hasSyntaxErrors = syntaxDiagnostics.contains { $0.severity == .error }
    var checker = Checker(
      tree: tree, modules: modules, hasSyntaxErrors: hasSyntaxErrors, notesNames: notesNames)
    checker.run()
    return checker.result(syntaxDiagnostics: syntaxDiagnostics)
  }

  private mutating func run() {
    scope.open()
    agenda.append(.closeScope)
    for declaration in tree.module.declarations.reversed() { agenda.append(.declare(declaration, .top)) }
    for param in tree.module.params.reversed() { agenda.append(.declare(param, .top)) }
    while let task = agenda.popLast() { perform(task) }
  }

  private mutating func perform(_ task: Task) {
    switch task {
    case .visit(let id): visit(id)
    case .finish(let id): finish(id)
    case .declare(let id, let level): declare(id, level)
    case .openFunction(let id):
      guard case .function(let name, let function) = tree[id].kind else { return }
      openFunction(function, named: (name, id))
    case .finishDeclaration(let id, let level): finishDeclaration(id, level)
    case .openScope: scope.open()
    case .closeScope: closeScope()
    case .bindGenerator(let pattern, let source): bindGenerator(pattern, source)
    case .checkFilter(let id): checkCondition(id)
    case .openCase(let pattern, switch: let id): openCase(pattern, of: id)
    case .closeCase:
      closeScope()
      openSwitches[openSwitches.count - 1].caseWarnings.append(warnings.count)
    }
  }

  mutating func closeScope() {
    let unused = scope.close()
    // What could not be parsed may use them.
    if hasSyntaxErrors { return }
    for binding in unused {
      warnings.append(
        Diagnostic(
          CheckerMessage.unusedName.id, .warning, "\(binding.name) declared and not used", at: range(binding.token)))
    }
  }

  private consuming func result(syntaxDiagnostics: [Diagnostic]) -> CheckedModule {
    var found = syntaxDiagnostics + errors
    // Errors by position, whichever pass found them; warnings in the order in which scopes end.
    let order = found.indices.sorted { a, b in
      (found[a].range?.lower ?? 0, a) < (found[b].range?.lower ?? 0, b)
    }
    found = order.map { found[$0] } + warnings
    // A tuple of one labelled element is that element; the label is of use to exports and messages only.
    for index in types.indices { if case .tuple = types[index] { types[index] = types[index].unlabelled } }
    var imports: [ExpressionID: CheckedModule.Import] = [:]
    for (id, module) in modules {
      switch module {
      case .module(let module): imports[id] = .module(module)
      case .system(let module): imports[id] = .system(module)
      case .broken: break
      }
    }
    var lastExport: [String: Int] = [:]
    for (index, export) in exports.enumerated() { lastExport[export.field.name] = index }
    let exported = exports.enumerated().filter { lastExport[$1.field.name] == $0 }.map(\.element)
    return CheckedModule(
      tree: tree, types: types, resolutions: resolutions, declarationTypes: declarationTypes, imports: imports,
      params: params, exports: exported.map(\.field), aliases: exportedAliases, tableClauses: tableClauses,
      delayedExports: Set(exported.lazy.filter { $0.flow.isDelayed }.map(\.field.name)), names: names,
      diagnostics: found)
  }
}

extension Checker {
  /// The type of an expression that has been checked, as its values are.
  func type(_ id: ExpressionID) -> Type { types[Int(id.index)].unlabelled }

  func flow(_ id: ExpressionID) -> Flow { flows[Int(id.index)] }

  func measure(_ id: ExpressionID) -> TypeMeasure { measures[Int(id.index)] }

  /// Writes the result for an expression. `bound` is an upper bound of the type's measure.
  mutating func set(_ id: ExpressionID, _ type: Type, _ flow: Flow = .immediate, bound: TypeMeasure = .scalar) {
    let index = Int(id.index)
    if type.isScalar {
      types[index] = type
      flows[index] = flow
      if case .error = type, bound == .refused { measures[index] = .refused }
      return
    }
    var measure = bound
    if !bound.isWithinLimit {
      guard let exact = within(type, bound, range(id)) else {
        types[index] = .error
        measures[index] = .refused
        return
      }
      measure = exact
    }
    types[index] = type
    measures[index] = measure
    flows[index] = flow
  }

  /// The bound, sharpened where it is too high; nil, and a diagnostic, where the type itself is too large.
  mutating func within(_ type: Type, _ bound: TypeMeasure, _ range: SourceRange) -> TypeMeasure? {
    if bound.isWithinLimit { return bound }
    if bound.nodes == .max, type.containsError { return nil }
    if let exact = type.measured() { return exact }
    report(
      .typeTooLarge,
      "the type of this is too large: more than \(TypeMeasure.limit.nodes) parts or \(TypeMeasure.limit.depth) levels",
      at: range)
    return nil
  }

  /// The bound of a type that is made from the types of other expressions.
  func bound(_ parts: some Sequence<ExpressionID>) -> TypeMeasure {
    var measure = TypeMeasure.scalar
    for part in parts { measure.include(self.measure(part)) }
    return measure
  }

  // MARK: Places

  func range(_ span: TokenSpan) -> SourceRange {
    let last = tree.tokens.count - 1
    guard last >= 0 else { return SourceRange(tree.source, 0, 0) }
    let lower = tree.tokens[min(max(Int(span.first), 0), last)].lower
    let upper = tree.tokens[min(max(Int(span.last), 0), last)].upper
    return SourceRange(tree.source, Int(lower), Int(upper))
  }

  func range(_ id: ExpressionID) -> SourceRange { range(tree[id].span) }
  func range(_ id: PatternID) -> SourceRange { range(tree[id].span) }
  func range(_ id: TypeSyntaxID) -> SourceRange { range(tree[id].span) }
  func range(_ id: DeclarationID) -> SourceRange { range(tree[id].span) }
  func range(_ token: TokenIndex) -> SourceRange { range(TokenSpan(token, token)) }

  /// The text as written, line breaks and runs of blanks folded, cut where it is long.
  func text(_ range: SourceRange) -> String {
    let bytes = tree.source.text[max(0, range.lower)..<min(tree.source.text.count, range.upper)]
    var result = ""
    for word in String(decoding: bytes.prefix(400), as: UTF8.self).split(whereSeparator: \.isWhitespace) {
      if !result.isEmpty { result += " " }
      result += word
    }
    return result.count > 60 ? String(result.prefix(57)) + "..." : result
  }

  // MARK: Complaints

  mutating func report(
    _ message: CheckerMessage, _ text: String, at range: SourceRange, notes: [Diagnostic.Note] = [],
    fixIts: [FixIt] = []
  ) {
    // A type in it may be enormous.
    let shown = text.utf8.count <= 2_000 ? text : String(text.prefix(2_000)) + "..."
    errors.append(Diagnostic(message.id, .error, shown, at: range, notes: notes, fixIts: fixIts))
  }

  /// A note and a fix for a name that was probably meant. Only the first errors of a module get one: looking through all
  /// names for each of very many errors would take too long.
  mutating func suggestion(
    for name: String, among candidates: some Collection<String>, at range: SourceRange
  ) -> (notes: [Diagnostic.Note], fixIts: [FixIt]) {
    guard suggestionBudget > 0 else { return ([], []) }
    suggestionBudget -= candidates.count
    guard let meant = Suggestion.nearest(to: name, among: candidates) else { return ([], []) }
    return (
      [Diagnostic.Note("did you mean \"\(meant)\"?")],
      [FixIt("replace \"\(name)\" with \"\(meant)\"", [FixIt.Edit(range, meant)])]
    )
  }

  /// A note for a name that the top level declares, but not before this place.
  mutating func declaredLater(_ name: String, isType: Bool = false) -> [Diagnostic.Note] {
    if declaredNames == nil {
      var names: [String: TokenIndex] = [:]
      for id in tree.module.declarations {
        switch tree[id].kind {
        case .error, .param: break
        case .value(let pattern, type: _, value: _, form: _):
          for name in tree.names(in: pattern) where names[name.text] == nil { names[name.text] = name.token }
        case .function(let name, _): if names[name.text] == nil { names[name.text] = name.token }
        case .type(let name, _): if declaredTypes[name.text] == nil { declaredTypes[name.text] = name.token }
        }
      }
      declaredNames = names
    }
    guard let token = isType ? declaredTypes[name] : declaredNames?[name] else { return [] }
    return [Diagnostic.Note("it is declared here, but a declaration sees only those before it", at: range(token))]
  }

  /// `val x T = e` and its like: reports unless the type fits.
  ///
  /// - Returns: whether it fits.
  @discardableResult
  mutating func require(_ id: ExpressionID, _ type: Type, fits wanted: Type) -> Bool {
    if type.isSubtype(of: wanted) { return true }
    report(
      .typeMismatch, "cannot use value (type \(type)) as type \(wanted)", at: range(id),
      notes: type.discrepancy(with: wanted).map { [Diagnostic.Note($0)] } ?? [])
    return false
  }
}

extension SyntaxTree {
  /// The names that a pattern binds.
  func names(in pattern: PatternID) -> [Name] {
    var names: [Name] = []
    var pending = [pattern]
    while let id = pending.popLast() {
      switch self[id].kind {
      case .identifier(let name): names.append(name)
      case .error, .wildcard, .literal: break
      case .tuple(let elements): pending += elements
      case .list(let elements, let tail):
        pending += elements
        if case .pattern(let rest) = tail { pending.append(rest) }
      case .structure(let fields):
        for field in fields {
          if let inner = field.pattern { pending.append(inner) } else { names.append(field.name) }
        }
      case .variant(_, let element): if let element { pending.append(element) }
      }
    }
    return names
  }

  /// The identifiers in what could not be parsed.
  ///
  /// - Complexity: O(tokens in such stretches).
  func namesInErrors() -> Set<String> {
    var names: Set<String> = []
    func add(_ span: TokenSpan) {
      guard span.first >= 0, span.first <= span.last else { return }
      for index in Int(span.first)...min(Int(span.last), tokens.count - 1) where tokens[index].kind == .identifier {
        let token = tokens[index]
        names.insert(String(decoding: source.text[Int(token.lower)..<Int(token.upper)], as: UTF8.self))
      }
    }
    for declaration in declarations where declaration.kind == .error { add(declaration.span) }
    for expression in expressions where expression.kind == .error { add(expression.span) }
    for pattern in patterns where pattern.kind == .error { add(pattern.span) }
    return names
  }
}
