extension Parser {
  /// The run of comments that ends at the token, without a blank line between or after them; nil if there is none.
  ///
  /// A comment behind something on its own line is about that, unless the token is on that line as well.
  func documentation(before token: TokenIndex) -> String? {
    var last = firstComment(notBefore: token)
    let comments = lexer.comments
    while last < comments.count, comments[last].before == token { last += 1 }
    var first = last
    var below = Int(tree.tokens[Int(token)].lower)
    let previous = token > 0 ? Int(tree.tokens[Int(token) - 1].upper) : 0
    while first > 0, comments[first - 1].before == token {
      let comment = comments[first - 1]
      let breaks = lineBreaks(Int(comment.upper), below)
      if breaks > 1 { break }
      let isAlone =
        first > 1 && comments[first - 2].before == token
        ? lineBreaks(Int(comments[first - 2].upper), Int(comment.lower)) > 0
        : token == 0 || lineBreaks(previous, Int(comment.lower)) > 0
      if breaks == 1, !isAlone, token > 0 { break }
      first -= 1
      below = Int(comment.lower)
    }
    guard first < last else { return nil }
    return comments[first..<last].map { content($0) }.joined()
  }

  private func firstComment(notBefore token: TokenIndex) -> Int {
    var low = 0
    var high = lexer.comments.count
    while low < high {
      let middle = (low + high) / 2
      if lexer.comments[middle].before < token { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func lineBreaks(_ lower: Int, _ upper: Int) -> Int {
    guard lower < upper else { return 0 }
    return text[lower..<upper].count { $0 == UInt8(ascii: "\n") }
  }

  /// A comment without its markers and one space after them. The text of a line ends in a newline.
  private func content(_ comment: Comment) -> String {
    let isLine = text[Int(comment.lower) + 1] == UInt8(ascii: "/")
    var bytes = text[(Int(comment.lower) + 2)..<Int(comment.upper)]
    if !isLine, bytes.count >= 2, bytes.suffix(2).elementsEqual("*/".utf8) { bytes = bytes.dropLast(2) }
    if bytes.first == UInt8(ascii: " ") { bytes = bytes.dropFirst() }
    while let last = bytes.last, last == UInt8(ascii: "\r") || (!isLine && last == UInt8(ascii: " ")) {
      bytes = bytes.dropLast()
    }
    return String(decoding: bytes, as: UTF8.self) + (isLine ? "\n" : "")
  }
}
