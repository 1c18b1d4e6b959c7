package import BuildGraph

/// A pattern for whole paths: `*` and `?` stand for characters other than `/`, `[a-z]` and `[^a-z]` for one of a set, and
/// a backslash takes away a character's meaning.
package struct Glob: Sendable {
  package enum Style: Sendable {
    /// As `path.Match` of Go has it: two stars are one.
    case plain
    /// An element `**` stands for any number of folders, also none, and at the end for everything below.
    case recursive
  }

  /// Why a pattern is none; the message is Go's.
  package struct SyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String { "syntax error in pattern" }
  }

  private let expression: RegularExpression

  /// - Throws: Where a set or an escape is incomplete, or the pattern is not UTF-8.
  package init(_ pattern: ByteString, _ style: Style) throws(SyntaxError) {
    guard let text = pattern.utf8 else { throw SyntaxError() }
    var translation = Translation(text.unicodeScalars, style)
    let translated = try translation.expression()
    do throws(RegularExpressionError) {
      expression = try RegularExpression(ByteString(translated))
    } catch {
      throw SyntaxError()
    }
  }

  /// - Complexity: O(path × pattern).
  package func matches(_ path: ByteString) -> Bool { expression.firstMatch(in: path) != nil }

  /// Writes a pattern as a regular expression.
  private struct Translation {
    private var rest: Substring.UnicodeScalarView
    private let style: Style

    init(_ pattern: String.UnicodeScalarView, _ style: Style) {
      rest = pattern[...]
      self.style = style
    }

    mutating func expression() throws(SyntaxError) -> String {
      var result = #"(?s)\A"#
      var isElementStart = true
      while let scalar = rest.popFirst() {
        switch scalar {
        case "*":
          var stars = 1
          while rest.first == "*" {
            rest.removeFirst()
            stars += 1
          }
          if style == .recursive, stars == 2, isElementStart, rest.isEmpty {
            result += ".*"
          } else if style == .recursive, stars == 2, isElementStart, rest.first == "/" {
            rest.removeFirst()
            result += "(?:.*/)?"
            continue
          } else {
            result += "[^/]*"
          }
        case "?": result += "[^/]"
        case "[": result += try set()
        case "\\": result += Self.literal(try escaped())
        default: result += Self.literal(scalar)
        }
        isElementStart = scalar == "/"
      }
      return result + #"\z"#
    }

    private mutating func set() throws(SyntaxError) -> String {
      let isNegated = rest.first == "^"
      if isNegated { rest.removeFirst() }
      var ranges = ""
      var isFirst = true
      while isFirst || rest.first != "]" {
        isFirst = false
        let lower = try setCharacter()
        var upper = lower
        if rest.first == "-" {
          rest.removeFirst()
          upper = try setCharacter()
        }
        // A range that runs backwards holds nothing.
        if lower <= upper { ranges += Self.literal(lower) + "-" + Self.literal(upper) }
      }
      rest.removeFirst()
      if ranges.isEmpty { return isNegated ? "." : #"[^\x00-\x{10FFFF}]"# }
      return (isNegated ? "[^" : "[") + ranges + "]"
    }

    private mutating func setCharacter() throws(SyntaxError) -> Unicode.Scalar {
      guard let scalar = rest.popFirst(), scalar != "-", scalar != "]" else { throw SyntaxError() }
      return scalar == "\\" ? try escaped() : scalar
    }

    private mutating func escaped() throws(SyntaxError) -> Unicode.Scalar {
      guard let scalar = rest.popFirst() else { throw SyntaxError() }
      return scalar
    }

    private static func literal(_ scalar: Unicode.Scalar) -> String { #"\x{"# + hexadecimal(scalar.value, 1) + "}" }
  }
}
