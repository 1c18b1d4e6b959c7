import BuildGraph
import Language

/// Something that has a name of its own: the token at which it is declared, or of a module its file.
struct Symbol: Hashable {
  var path: ByteString
  /// nil for the module itself.
  var token: TokenIndex?
}

/// Where a value or a type is written down.
enum Origin {
  case expression(ModuleIndex, ExpressionID)
  case type(ModuleIndex, TypeSyntaxID)
  case module(ModuleIndex)
  case system(SystemModule)
}

extension Program {
  /// What the name at a token means; nil where it is declared nowhere in a program.
  func symbol(at token: TokenIndex, in index: ModuleIndex) -> Symbol? {
    switch index[token] {
    case .binding?: return Symbol(path: index.path, token: token)
    case .use(let declaration)?: return Symbol(path: index.path, token: declaration)
    case .member(let id)?:
      guard case .member(let base, let name) = index.tree[id].kind else { return nil }
      return member(name.text, of: origin(of: base, in: index))
    case .typePath(let id, let position)?: return typePath(id, position, in: index)
    case .argument(.make(let make), value: _)?: return param(index.tree.text(token), of: make, in: index)
    case .modulePath(let id)?:
      guard case .module(let module)? = index.module.imports[id] else { return nil }
      return Symbol(path: path(of: module), token: nil)
    case .argument, .builtin, .prelude, .field, .tag, nil: return nil
    }
  }

  /// What the shorthand argument of a `make` at a token sets, beside the variable that it names.
  func shorthandParam(at token: TokenIndex, in index: ModuleIndex) -> Symbol? {
    guard case .make(let make)? = index.shorthandArguments[token] else { return nil }
    return param(index.tree.text(token), of: make, in: index)
  }

  private func param(_ name: String, of make: ExpressionID, in index: ModuleIndex) -> Symbol? {
    guard case .module(let module)? = index.module.imports[make],
      let param = module.params.last(where: { $0.name == name }),
      case .param(let declared, type: _, default: _) = module.tree[param.declaration].kind
    else { return nil }
    return Symbol(path: path(of: module), token: declared.token)
  }

  private func member(_ name: String, of origin: Origin?) -> Symbol? {
    switch origin {
    case .module(let module)?: return module.export(name).map { Symbol(path: module.path, token: $0) }
    case .expression(let index, let id)?:
      guard case .structure(let fields) = index.tree[id].kind,
        let field = fields.last(where: { $0.name.text == name })
      else { return nil }
      return Symbol(path: index.path, token: field.name.token)
    case .type(let index, let id)?:
      guard case .structure(let fields) = index.tree[id].kind,
        let field = fields.last(where: { $0.name?.text == name })?.name
      else { return nil }
      return Symbol(path: index.path, token: field.token)
    case .system?, nil: return nil
    }
  }

  private func typePath(_ id: TypeSyntaxID, _ position: Int, in index: ModuleIndex) -> Symbol? {
    guard case .alias(let path) = index.tree[id].kind, position < path.count else { return nil }
    guard case .module(let module)? = origin(ofPath: path.prefix(position), in: index, fuel: Self.fuel) else {
      return nil
    }
    let isLast = position == path.count - 1
    let token = isLast ? module.alias(path[position].text) : module.export(path[position].text)
    return token.map { Symbol(path: module.path, token: $0) }
  }

  // MARK: Origins

  /// How many steps from name to declaration are followed. Programs take a few; members of members could take a number that doubles
  /// with every two steps.
  private static let fuel = 24

  /// Where the struct or module that an expression stands for is written down, as far as names lead there.
  func origin(of id: ExpressionID, in index: ModuleIndex) -> Origin? { origin(of: id, in: index, fuel: Self.fuel) }

  private func origin(of id: ExpressionID, in index: ModuleIndex, fuel: Int) -> Origin? {
    guard fuel > 0 else { return nil }
    switch index.tree[id].kind {
    case .parenthesized(let inner), .block(declarations: _, value: let inner):
      return origin(of: inner, in: index, fuel: fuel - 1)
    case .identifier(let name):
      guard case .use(let declaration)? = index[name.token] else { return nil }
      return origin(ofBinding: declaration, in: index, fuel: fuel - 1)
    case .make:
      switch index.module.imports[id] {
      case .module(let module)?: return self.index(of: module).map { .module($0) }
      case .system(let module)?: return .system(module)
      case nil: return nil
      }
    case .member(let base, let name):
      return part(name.text, of: origin(of: base, in: index, fuel: fuel - 1), fuel: fuel - 1)
    case .call(let callee, _): return result(of: callee, in: index, fuel: fuel - 1)
    case .structure: return .expression(index, id)
    case .conditional(condition: _, then: let then, else: _): return origin(of: then, in: index, fuel: fuel - 1)
    case .error, .integer, .float, .string, .bool, .unary, .binary, .switch, .index, .slice, .tuple, .function, .exec,
      .list, .map, .comprehension, .table, .variant, .toInteger, .toFloat:
      return nil
    }
  }

  private func origin(ofBinding token: TokenIndex, in index: ModuleIndex, fuel: Int) -> Origin? {
    switch index.sites[token] {
    case .declaration(let id)?:
      switch index.tree[id].kind {
      case .value(_, let type, let value, form: _):
        if let type { return origin(ofType: type, in: index, fuel: fuel) }
        return origin(of: value, in: index, fuel: fuel)
      case .param(_, let type, let value):
        if let type { return origin(ofType: type, in: index, fuel: fuel) }
        return value.flatMap { origin(of: $0, in: index, fuel: fuel) }
      case .type(_, let type): return origin(ofType: type, in: index, fuel: fuel)
      case .function, .error: return nil
      }
    case .parameter(let type)?: return origin(ofType: type, in: index, fuel: fuel)
    case .part?, .output?, .pattern?, nil: return nil
    }
  }

  private func origin(ofType id: TypeSyntaxID, in index: ModuleIndex, fuel: Int) -> Origin? {
    guard fuel > 0 else { return nil }
    switch index.tree[id].kind {
    case .structure: return .type(index, id)
    case .table(let row): return origin(ofType: row, in: index, fuel: fuel - 1)
    case .tuple(let elements) where elements.count == 1:
      return origin(ofType: elements[0].type, in: index, fuel: fuel - 1)
    case .alias(let path):
      guard path.count > 1 else {
        guard let name = path.first, case .use(let declaration)? = index[name.token] else { return nil }
        return origin(ofBinding: declaration, in: index, fuel: fuel - 1)
      }
      guard case .module(let module)? = origin(ofPath: path.dropLast(), in: index, fuel: fuel - 1),
        let token = module.alias(path[path.count - 1].text)
      else { return nil }
      return origin(ofBinding: token, in: module, fuel: fuel - 1)
    case .error, .int, .float, .string, .bool, .file, .dir, .list, .map, .module, .tuple, .function, .sum: return nil
    }
  }

  private func origin(ofPath path: ArraySlice<Name>, in index: ModuleIndex, fuel: Int) -> Origin? {
    guard let first = path.first, case .use(let declaration)? = index[first.token] else { return nil }
    var origin = origin(ofBinding: declaration, in: index, fuel: fuel)
    for name in path.dropFirst() { origin = part(name.text, of: origin, fuel: fuel - 1) }
    return origin
  }

  /// The origin of a member of what is written down somewhere.
  private func part(_ name: String, of origin: Origin?, fuel: Int) -> Origin? {
    guard fuel > 0 else { return nil }
    switch origin {
    case .module(let module)?:
      return module.export(name).flatMap { self.origin(ofBinding: $0, in: module, fuel: fuel - 1) }
    case .expression(let index, let id)?:
      guard case .structure(let fields) = index.tree[id].kind,
        let field = fields.last(where: { $0.name.text == name })
      else { return nil }
      if let value = field.value { return self.origin(of: value, in: index, fuel: fuel - 1) }
      guard case .use(let declaration)? = index[field.name.token] else { return nil }
      return self.origin(ofBinding: declaration, in: index, fuel: fuel - 1)
    case .type(let index, let id)?:
      guard case .structure(let fields) = index.tree[id].kind,
        let field = fields.last(where: { $0.name?.text == name })
      else { return nil }
      return self.origin(ofType: field.type, in: index, fuel: fuel - 1)
    case .system?, nil: return nil
    }
  }

  /// The origin of what a call of a function gives.
  private func result(of callee: ExpressionID, in index: ModuleIndex, fuel: Int) -> Origin? {
    guard let (home, function) = function(callee, in: index, fuel: fuel) else { return nil }
    if let type = function.result { return origin(ofType: type, in: home, fuel: fuel - 1) }
    return origin(of: function.body, in: home, fuel: fuel - 1)
  }

  /// The function that an expression names, where it is written down.
  func function(_ id: ExpressionID, in index: ModuleIndex, fuel: Int = Program.fuel) -> (
    ModuleIndex, Expression.Function
  )? {
    guard fuel > 0 else { return nil }
    let declared: (ModuleIndex, TokenIndex)
    switch index.tree[id].kind {
    case .function(let function): return (index, function)
    case .parenthesized(let inner): return function(inner, in: index, fuel: fuel - 1)
    case .identifier(let name):
      guard case .use(let token)? = index[name.token] else { return nil }
      declared = (index, token)
    case .member(let base, let name):
      guard case .module(let module)? = origin(of: base, in: index, fuel: fuel - 1),
        let token = module.export(name.text)
      else { return nil }
      declared = (module, token)
    case .error, .integer, .float, .string, .bool, .unary, .binary, .conditional, .switch, .index, .slice, .call,
      .tuple, .exec, .make, .block, .structure, .list, .map, .comprehension, .table, .variant, .toInteger, .toFloat:
      return nil
    }
    guard case .declaration(let id)? = declared.0.sites[declared.1] else { return nil }
    switch declared.0.tree[id].kind {
    case .function(_, let function): return (declared.0, function)
    case .value(_, type: _, let value, form: _): return function(value, in: declared.0, fuel: fuel - 1)
    case .error, .type, .param: return nil
    }
  }
}

extension ModuleIndex {
  /// The token at which the module declares what it exports under a name.
  func export(_ name: String) -> TokenIndex? {
    for id in tree.module.declarations.reversed() {
      switch tree[id].kind {
      case .value(let pattern, type: _, value: _, form: _):
        if let token = tree.bindingTokens(in: pattern).first(where: { tree.text($0) == name }) { return token }
      case .function(let declared, _): if declared.text == name { return declared.token }
      case .error, .type, .param: break
      }
    }
    return nil
  }

  /// The token at which the module declares a type.
  func alias(_ name: String) -> TokenIndex? {
    for id in tree.module.declarations.reversed() {
      if case .type(let declared, _) = tree[id].kind, declared.text == name { return declared.token }
    }
    return nil
  }

  /// The declaration that a name is bound by, if it is one of the module itself and not of a block.
  func topLevelDeclaration(ofBindingAt token: TokenIndex) -> DeclarationID? {
    switch sites[token] {
    case .declaration(let id)?, .part(of: let id)?:
      topLevel.contains(id) ? id : nil
    case .parameter?, .output?, .pattern?, nil: nil
    }
  }
}
