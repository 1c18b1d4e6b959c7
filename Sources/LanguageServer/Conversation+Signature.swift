import Diagnostics
import Language

extension Conversation {
  /// The function whose arguments are being written, and which of them.
  mutating func signatureHelp(_ document: Document, _ position: JSON?) throws(ResponseError) -> JSON {
    guard let offset = document.lines.offset(position) else {
      throw ResponseError(.invalidParams, "a position is needed")
    }
    let program = program(of: document.root)
    guard let index = program.index(of: document.path), !index.isInText(offset),
      let (opener, argument) = index.openCall(at: offset)
    else { return .null }
    // The name before the parenthesis.
    let name = opener - 1
    guard index[name] != nil, let description = Description(of: name, in: index, of: program) else { return .null }
    let parameters = Self.parameters(description.signature)
    guard !parameters.isEmpty else { return .null }
    let signature: JSON = [
      "label": .string(description.signature),
      "documentation": ["kind": "markdown", "value": .string(description.documentation)],
      "parameters": .array(parameters.map { ["label": .string($0)] }),
    ]
    return [
      "signatures": [signature], "activeSignature": 0, "activeParameter": JSON(min(argument, parameters.count - 1)),
    ]
  }

  /// The pieces between the commas of the first parentheses.
  private static func parameters(_ signature: String) -> [String] {
    var pieces: [String] = []
    var piece = ""
    var depth = 0
    for character in signature.drop(while: { $0 != "(" }).dropFirst() {
      if depth == 0, character == "," || character == ")" {
        pieces.append(String(piece.drop { $0 == " " }))
        piece = ""
        if character == ")" { break }
        continue
      }
      if "([{".contains(character) { depth += 1 }
      if ")]}".contains(character) { depth -= 1 }
      piece.append(character)
    }
    return pieces.filter { !$0.isEmpty }
  }
}

extension ModuleIndex {
  /// The innermost parenthesis that is open at an offset and follows a name, and how many commas are between.
  ///
  /// - Complexity: O(tokens before it in the declaration).
  fileprivate func openCall(at offset: Int) -> (opener: TokenIndex, argument: Int)? {
    var place = tree.tokens.count - 1
    while place >= 0, Int(tree.tokens[place].lower) >= offset || tree.tokens[place].isInserted { place -= 1 }
    var depth = 0
    var commas = 0
    while place > 0 {
      switch tree.tokens[place].kind {
      case .rightParen, .rightBracket, .rightBrace: depth += 1
      case .leftParen where depth == 0:
        return tree.tokens[place - 1].isWord ? (TokenIndex(place), commas) : nil
      case .leftParen: depth -= 1
      case .leftBracket, .leftBrace:
        // An element of a list is no argument, but the list may be one.
        if depth == 0 { commas = 0 } else { depth -= 1 }
      case .comma where depth == 0: commas += 1
      case .val, .type, .param: return nil
      case _: break
      }
      place -= 1
    }
    return nil
  }
}
