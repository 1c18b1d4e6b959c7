import Diagnostics
import Formatting
import Language

extension Conversation {
  /// The declarations of a document, in their order.
  mutating func symbols(of document: Document) throws(ResponseError) -> JSON {
    guard let index = program(of: document.root).index(of: document.path) else { return [] }
    let tree = index.tree
    var found: [JSON] = []
    for id in tree.module.params + tree.module.declarations {
      let span = tree[id].span
      guard span.first >= 0, Int(span.last) < tree.tokens.count else { continue }
      let range = index.lines.range(
        Int(tree.tokens[Int(span.first)].lower),
        max(Int(tree.tokens[Int(span.first)].lower), Int(tree.tokens[Int(span.last)].upper)))
      func add(_ token: TokenIndex, _ kind: Int) {
        guard token >= span.first, token <= span.last, let type = index.type(ofBindingAt: token) else { return }
        var kind = kind
        if case .module = type, kind == 13 { kind = 2 }
        if case .function = type, kind == 13 { kind = 12 }
        found.append([
          "name": .string(tree.text(token)), "detail": .string(Description.shortened("\(type)")), "kind": JSON(kind),
          "range": range, "selectionRange": index.range(of: token),
        ])
      }
      switch tree[id].kind {
      case .error: break
      case .value(let pattern, type: _, value: _, form: _):
        for token in tree.bindingTokens(in: pattern).sorted() { add(token, 13) }
      case .function(let name, _): add(name.token, 12)
      case .type(let name, _): add(name.token, 23)
      case .param(let name, type: _, default: _): add(name.token, 14)
      }
    }
    return .array(found)
  }

  /// The edits that lay a document out in the one style; none where it has errors of syntax.
  mutating func formatting(_ document: Document) throws(ResponseError) -> JSON {
    guard case .formatted(let text) = format(SourceFile(name: document.uri, text: document.text)) else { return [] }
    return .array(Self.edits(from: document.lines, to: text))
  }

  /// One edit of the lines between the first and the last that differ.
  private static func edits(from old: LineTable, to new: [UInt8]) -> [JSON] {
    guard old.text != new else { return [] }
    var lower = 0
    while lower < min(old.text.count, new.count), old.text[lower] == new[lower] { lower += 1 }
    var upper = 0
    let limit = min(old.text.count, new.count) - lower
    while upper < limit, old.text[old.text.count - 1 - upper] == new[new.count - 1 - upper] { upper += 1 }
    // Whole lines: no edit may begin or end inside a character or between the two bytes of a line's end.
    let newline = UInt8(ascii: "\n")
    while lower > 0, old.text[lower - 1] != newline { lower -= 1 }
    while upper > 0, old.text[old.text.count - upper - 1] != newline { upper -= 1 }
    return [
      [
        "range": old.range(lower, old.text.count - upper),
        "newText": .string(String(decoding: new[lower..<(new.count - upper)], as: UTF8.self)),
      ]
    ]
  }
}
