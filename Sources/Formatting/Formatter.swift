package import Diagnostics
import Language

/// What became of a program's text.
package enum FormatResult: Sendable {
  /// The text in the one style; equal to the input if nothing was to do.
  case formatted([UInt8])
  /// The program has errors of syntax, and its text is left alone.
  case unreadable([Diagnostic])
}

/// Lays the text of a program out in the one style.
///
/// The result has the tokens and the comments of the input, in their order: only white space differs. That is checked
/// before it is returned; a result that would break the promise is dropped, and the input returned instead.
///
/// - Complexity: O(bytes), times the depth of brackets on lines that are too long.
package func format(_ source: SourceFile) -> FormatResult {
  let (tree, diagnostics) = parse(source)
  guard !diagnostics.contains(where: { $0.severity == .error }) else { return .unreadable(diagnostics) }
  let text = layOut(tree)
  let (again, _) = parse(SourceFile(name: source.name, text: text))
  return .formatted(hasSameContent(tree, again) ? text : source.text)
}

/// The text before it is checked; tests hold that the check never finds anything.
func layOut(_ tree: SyntaxTree) -> [UInt8] {
  var layout = Layout(Atoms(tree).atoms)
  return layout.text()
}

/// Whether two texts have the same tokens and the same comments.
private func hasSameContent(_ a: SyntaxTree, _ b: SyntaxTree) -> Bool {
  guard a.tokens.count == b.tokens.count, a.comments.count == b.comments.count else { return false }
  for (left, right) in zip(a.tokens, b.tokens) {
    guard left.kind == right.kind, left.isInserted == right.isInserted,
      a.source.text[Int(left.lower)..<Int(left.upper)] == b.source.text[Int(right.lower)..<Int(right.upper)]
    else { return false }
  }
  return zip(a.comments, b.comments).allSatisfy { left, right in
    left.before == right.before && commentText(a, left) == commentText(b, right)
  }
}

/// The text of a comment; the white space at the end of a line comment does not belong to it.
func commentText(_ tree: SyntaxTree, _ comment: Comment) -> ArraySlice<UInt8> {
  var text = tree.source.text[Int(comment.lower)..<Int(comment.upper)]
  guard text.dropFirst().first == UInt8(ascii: "/") else { return text }
  while let last = text.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") || last == UInt8(ascii: "\r") {
    text.removeLast()
  }
  return text
}
