import BuildGraph

/// Regular expressions and globs, compiled once each: programs use few, often.
extension Machine {
  mutating func regularExpression(_ source: ByteString) throws(Failure) -> RegularExpression {
    if let known = expressions[source] { return known }
    do {
      let expression = try RegularExpression(source)
      expressions[source] = expression
      return expression
    } catch {
      throw fail(.badPattern, error.description)
    }
  }

  /// `dirs.Pick` keeps to the original's patterns; `dirs.Glob` knows `**`.
  mutating func glob(_ source: ByteString, _ style: Glob.Style) throws(Failure) -> Glob {
    let isRecursive = style == .recursive
    if let known = globs[isRecursive]?[source] { return known }
    do {
      let glob = try Glob(source, style)
      globs[isRecursive, default: [:]][source] = glob
      return glob
    } catch {
      throw fail(.badPattern, "\(source.display): \(error)")
    }
  }
}

extension RegularExpression.Match {
  /// What each group holds, the whole match first; a group that took no part holds nothing.
  func texts(in text: ByteString) -> [ByteString] {
    groups.map { range in range.map { ByteString(bytes: Array(text.bytes[$0])) } ?? "" }
  }
}
