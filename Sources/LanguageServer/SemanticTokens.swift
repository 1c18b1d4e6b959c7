import Diagnostics
import Language

/// The colours of a document's words, by what they mean.
struct SemanticTokens {
  enum Kind: Int, CaseIterable {
    case namespace, type, parameter, variable, property, enumMember, function, keyword, comment, string, number
  }

  struct Modifiers: OptionSet {
    var rawValue: Int
    static let declaration = Self(rawValue: 1)
    static let readonly = Self(rawValue: 2)
    static let defaultLibrary = Self(rawValue: 4)
  }

  static let legend: JSON = [
    "tokenTypes": .array(Kind.allCases.map { .string("\($0)") }),
    "tokenModifiers": ["declaration", "readonly", "defaultLibrary"],
  ]

  private let index: ModuleIndex
  private var data: [JSON] = []
  private var lastLine = 0
  private var lastStart = 0

  private init(_ index: ModuleIndex) { self.index = index }

  /// The tokens of a module as the protocol numbers them.
  ///
  /// - Complexity: O(tokens of the module).
  static func data(of index: ModuleIndex) -> [JSON] {
    var tokens = Self(index)
    var comment = 0
    let tree = index.tree
    for (position, token) in tree.tokens.enumerated() {
      while comment < tree.comments.count, tree.comments[comment].lower < token.lower || token.kind == .end {
        tokens.add(Int(tree.comments[comment].lower), Int(tree.comments[comment].upper), .comment, [])
        comment += 1
      }
      if let (kind, modifiers) = tokens.kind(of: TokenIndex(position), token.kind) {
        tokens.add(Int(token.lower), Int(token.upper), kind, modifiers)
      }
    }
    return tokens.data
  }

  private func kind(of place: TokenIndex, _ token: Token.Kind) -> (Kind, Modifiers)? {
    switch token {
    case .integer, .float: return (.number, [])
    case .string, .character, .template: return (.string, [])
    case _ where token == .identifier || token.isKeyword: break
    case _: return nil
    }
    switch index[place] {
    case .binding?: return kind(ofBinding: place).map { ($0, [.declaration, .readonly]) }
    case .use(let declaration)?: return kind(ofBinding: declaration).map { ($0, .readonly) }
    case .builtin?: return (.function, .defaultLibrary)
    case .prelude(let name)?: return (Checked.isFunction(name) ? .function : .variable, .defaultLibrary)
    case .member(let id)?:
      let type = index.module.types[Int(id.index)]
      return (Self.kind(of: type) ?? .property, [])
    case .typePath?: return (.type, [])
    case .argument?: return (.parameter, [])
    case .field?: return (.property, [])
    case .tag?: return (.enumMember, [])
    case .modulePath?, nil: return token.isKeyword ? (.keyword, []) : nil
    }
  }

  private enum Checked {
    static func isFunction(_ prelude: String) -> Bool { prelude == "file" || prelude == "dir" }
  }

  private func kind(ofBinding token: TokenIndex) -> Kind? {
    switch index.sites[token] {
    case .parameter?: return .parameter
    case .declaration(let id)?:
      switch index.tree[id].kind {
      case .type: return .type
      case .function: return .function
      case .param: return .parameter
      case .value, .error: break
      }
    case .part?, .output?, .pattern?, nil: break
    }
    return index.type(ofBindingAt: token).flatMap(Self.kind) ?? .variable
  }

  private static func kind(of type: Type) -> Kind? {
    switch type {
    case .module: .namespace
    case .function, .scheme: .function
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error, .list, .map, .tuple,
      .structure, .sum, .table:
      nil
    }
  }

  /// Adds a stretch of the text, line by line: the protocol's tokens end with their line.
  private mutating func add(_ lower: Int, _ upper: Int, _ kind: Kind, _ modifiers: Modifiers) {
    guard lower < upper else { return }
    let lines = index.lines
    for line in lines.line(of: lower)...lines.line(of: upper - 1) {
      let content = lines.content(of: line)
      let piece = max(lower, content.lowerBound)..<max(lower, min(upper, content.upperBound))
      guard !piece.isEmpty else { continue }
      let start = lines.width(content.lowerBound..<piece.lowerBound)
      data.append(JSON(line - lastLine))
      data.append(JSON(line == lastLine ? start - lastStart : start))
      data.append(JSON(lines.width(piece)))
      data.append(JSON(kind.rawValue))
      data.append(JSON(modifiers.rawValue))
      lastLine = line
      lastStart = start
    }
  }
}

extension Conversation {
  mutating func semanticTokens(_ document: Document) throws(ResponseError) -> JSON {
    guard let index = program(of: document.root).index(of: document.path) else { return ["data": []] }
    return ["data": .array(SemanticTokens.data(of: index))]
  }
}
