import BuildGraph
import Diagnostics
import Language

/// What each name in a module's text is: a declaration, a use of one, a field, a tag …
///
/// Made from the tables of the tree, not by a walk, so that neither depth nor what could not be parsed matters; a node that
/// the checker never reached names nothing.
struct ModuleIndex {
  /// What stands at a token.
  enum Role: Hashable {
    /// A name is bound here; see ``ModuleIndex/sites``.
    case binding
    /// A use of what is bound at another token of this module.
    case use(of: TokenIndex)
    case builtin(Builtin)
    case prelude(String)
    /// The name of a `.member` expression.
    case member(ExpressionID)
    /// A component of the path of a type, not the first one.
    case typePath(TypeSyntaxID, Int)
    /// The name of an argument of an `exec`, `table` or `make`, or of `@requires`.
    case argument(Owner, value: ExpressionID)
    /// The name of a field in a struct literal, a struct type or a struct pattern.
    case field
    case tag
    /// The string that names the module of a `make`.
    case modulePath(ExpressionID)
  }

  enum Owner: Hashable {
    case exec, table, requires
    case make(ExpressionID)
  }

  /// How a name came to be bound.
  enum Site: Hashable {
    /// `val x = …`, `func f(…) = …`, `type T …` and `param p …` by themselves.
    case declaration(DeclarationID)
    /// A name in the pattern of a `val`.
    case part(of: DeclarationID)
    case parameter(TypeSyntaxID)
    /// A label among the outputs of an `exec`.
    case output(TypeSyntaxID)
    /// In the pattern of a `case` or of a generator.
    case pattern
  }

  let module: CheckedModule
  /// Absolute.
  let path: ByteString
  let lines: LineTable
  private(set) var roles: [Role?]
  private(set) var sites: [TokenIndex: Site] = [:]
  /// `x` in `{x}`: the name of a field as well.
  private(set) var shorthandFields: Set<TokenIndex> = []
  /// `x` in the pattern `{x}`: the name of a field as well.
  private(set) var shorthandPatterns: Set<TokenIndex> = []
  /// `x` in `exec(x)` or `make("m.rf", x)`: the name of an argument as well.
  private(set) var shorthandArguments: [TokenIndex: Owner] = [:]

  /// The declarations of the module itself, not those of blocks.
  let topLevel: Set<DeclarationID>

  var tree: SyntaxTree { module.tree }

  /// - Complexity: O(nodes of the module).
  init(_ module: CheckedModule, path: ByteString, lines: LineTable) {
    self.module = module
    self.path = path
    self.lines = lines
    topLevel = Set(module.tree.module.params + module.tree.module.declarations)
    roles = Array(repeating: nil, count: module.tree.tokens.count)
    for index in tree.types.indices { addType(TypeSyntaxID(index: Int32(index))) }
    for index in tree.patterns.indices { addPattern(PatternID(index: Int32(index))) }
    for index in tree.declarations.indices { addDeclaration(DeclarationID(index: Int32(index))) }
    for index in tree.expressions.indices { addExpression(ExpressionID(index: Int32(index))) }
    for (token, declaration) in module.names?.declarations ?? [:] { set(token, .use(of: declaration)) }
  }

  subscript(_ token: TokenIndex) -> Role? {
    token >= 0 && Int(token) < roles.count ? roles[Int(token)] : nil
  }

  /// The type of what is bound at a token.
  func type(ofBindingAt token: TokenIndex) -> Type? { module.names?.types[token] }

  private mutating func set(_ token: TokenIndex, _ role: Role) {
    // A stretch that was read anew may have left nodes with the tokens of the first reading.
    guard token >= 0, Int(token) < roles.count else { return }
    roles[Int(token)] = role
  }

  private mutating func bind(_ token: TokenIndex, _ site: Site) {
    guard module.names?.types[token] != nil else { return }
    set(token, .binding)
    sites[token] = site
  }

  // MARK: Nodes

  private mutating func addType(_ id: TypeSyntaxID) {
    switch tree[id].kind {
    case .error, .int, .float, .string, .bool, .file, .dir, .list, .map, .function, .tuple, .table: break
    case .alias(let path):
      for (position, name) in path.enumerated().dropFirst() { set(name.token, .typePath(id, position)) }
    case .structure(let fields), .module(let fields):
      for field in fields { if let name = field.name { set(name.token, .field) } }
    case .sum(let variants): for variant in variants { set(variant.tag.token, .tag) }
    }
  }

  private mutating func addPattern(_ id: PatternID) {
    switch tree[id].kind {
    case .error, .wildcard, .literal, .tuple, .list: break
    case .identifier(let name): bind(name.token, .pattern)
    case .structure(let fields):
      for field in fields {
        if field.pattern == nil {
          shorthandPatterns.insert(field.name.token)
          bind(field.name.token, .pattern)
        } else {
          set(field.name.token, .field)
        }
      }
    case .variant(let tag, _): set(tag.token, .tag)
    }
  }

  private mutating func addDeclaration(_ id: DeclarationID) {
    let declaration = tree[id]
    switch declaration.kind {
    case .error: break
    case .value(let pattern, type: _, value: _, form: _):
      if case .identifier(let name) = tree[pattern].kind {
        bind(name.token, .declaration(id))
      } else {
        for token in tree.bindingTokens(in: pattern) { bind(token, .part(of: id)) }
      }
    case .function(let name, let function):
      bind(name.token, .declaration(id))
      addParameters(function)
    case .type(let name, _): bind(name.token, .declaration(id))
    case .param(let name, type: _, default: _): bind(name.token, .declaration(id))
    }
    for arguments in declaration.requires { addArguments(arguments, .requires) }
  }

  private mutating func addParameters(_ function: Expression.Function) {
    for parameter in function.parameters {
      if let name = parameter.name { bind(name.token, .parameter(parameter.type)) }
    }
  }

  private mutating func addArguments(_ arguments: [DeclarationID], _ owner: Owner) {
    for id in arguments {
      guard case .value(let pattern, type: _, let value, let form) = tree[id].kind,
        case .identifier(let name) = tree[pattern].kind
      else { continue }
      switch form {
      case .shorthand: shorthandArguments[name.token] = owner
      case .val, .define: set(name.token, .argument(owner, value: value))
      }
    }
  }

  private mutating func addExpression(_ id: ExpressionID) {
    let expression = tree[id]
    switch expression.kind {
    case .error, .integer, .float, .string, .bool, .unary, .binary, .conditional, .switch, .index, .slice, .call,
      .tuple,
      .parenthesized, .block, .list, .map, .comprehension, .toInteger, .toFloat:
      break
    case .identifier(let name):
      switch module.resolutions[id] {
      case .builtin(let builtin)?: set(name.token, .builtin(builtin))
      case .prelude(let prelude)?: set(name.token, .prelude(prelude))
      case .variable?, .output?, .recursive?, .system?, nil: break
      }
    case .member(_, let name): set(name.token, .member(id))
    case .function(let function): addParameters(function)
    case .exec(let exec): addExec(exec)
    case .make(path: _, let arguments):
      addArguments(arguments, .make(id))
      let tokens = tree.tokens
      for token in expression.span.first...max(expression.span.first, expression.span.last)
      where Int(token) < tokens.count && tokens[Int(token)].kind == .string {
        set(token, .modulePath(id))
        break
      }
    case .structure(let fields):
      for field in fields {
        if field.value == nil { shorthandFields.insert(field.name.token) } else { set(field.name.token, .field) }
      }
    case .table(let table): addArguments(table.options, .table)
    case .variant(let tag, _): set(tag.token, .tag)
    }
  }

  private mutating func addExec(_ exec: Expression.Exec) {
    addArguments(exec.arguments, .exec)
    guard case .tuple(let outputs) = tree[exec.outputs].kind else { return }
    let labels = outputs.map { ($0.name?.token, $0.type) }
    for (token, type) in labels {
      guard let token, token >= 0 else { continue }
      set(token, .binding)
      sites[token] = .output(type)
    }
    for part in exec.template {
      guard case .interpolation(let value) = part, case .output(let index)? = module.resolutions[value],
        case .identifier(let name) = tree[value].kind, index < labels.count, let token = labels[index].0
      else { continue }
      set(name.token, .use(of: token))
    }
  }
}

extension SyntaxTree {
  /// The tokens of the names that a pattern binds.
  ///
  /// - Complexity: O(size of the pattern).
  func bindingTokens(in root: PatternID) -> [TokenIndex] {
    var tokens: [TokenIndex] = []
    var pending = [root]
    while let id = pending.popLast() {
      switch self[id].kind {
      case .identifier(let name): tokens.append(name.token)
      case .error, .wildcard, .literal: break
      case .tuple(let elements): pending += elements
      case .list(let elements, let tail):
        pending += elements
        if case .pattern(let rest) = tail { pending.append(rest) }
      case .structure(let fields):
        for field in fields {
          if let inner = field.pattern { pending.append(inner) } else { tokens.append(field.name.token) }
        }
      case .variant(_, let element): if let element { pending.append(element) }
      }
    }
    return tokens
  }

  /// The token whose text an offset is in or at whose end it is; of two that meet there, the word.
  ///
  /// - Complexity: O(log tokens).
  func token(at offset: Int) -> TokenIndex? {
    var low = 0
    var high = tokens.count
    while low < high {
      let middle = (low + high) / 2
      if Int(tokens[middle].upper) < offset { low = middle + 1 } else { high = middle }
    }
    var found: TokenIndex?
    while low < tokens.count, Int(tokens[low].lower) <= offset {
      let token = tokens[low]
      if token.upper > token.lower {
        if found == nil || token.isWord || !tokens[Int(found!)].isWord { found = TokenIndex(low) }
        if token.isWord { return TokenIndex(low) }
      }
      low += 1
    }
    return found
  }

  func text(_ token: TokenIndex) -> String {
    guard token >= 0, Int(token) < tokens.count else { return "" }
    return String(decoding: source.text[Int(tokens[Int(token)].lower)..<Int(tokens[Int(token)].upper)], as: UTF8.self)
  }
}

extension Token {
  var isWord: Bool { kind == .identifier || kind.isKeyword }
}
