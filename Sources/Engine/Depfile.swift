package import BuildGraph

/// Reads the rules that compilers write with `-MD`: `target: prerequisite prerequisite …`.
package enum Depfile {
  /// The prerequisites of all rules, each once, in order.
  ///
  /// A backslash before a line break goes on with the line; before a space, `#` or another backslash-space it escapes; `$$` is a
  /// dollar. Targets are skipped, and with them the empty rules that `-MP` adds.
  ///
  /// - Complexity: O(bytes).
  package static func prerequisites(in bytes: [UInt8]) -> [ByteString] {
    var result: [ByteString] = []
    var seen: Set<ByteString> = []
    var word: [UInt8] = []
    var isBehindColon = false
    func endWord() {
      defer { word.removeAll(keepingCapacity: true) }
      guard !word.isEmpty else { return }
      if !isBehindColon {
        if word.last == UInt8(ascii: ":") { isBehindColon = true }
        return
      }
      let path = ByteString(bytes: normalized(word))
      if seen.insert(path).inserted { result.append(path) }
    }
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      let next = index + 1 < bytes.count ? bytes[index + 1] : nil
      index += 1
      switch byte {
      case UInt8(ascii: "\\"):
        switch next {
        case UInt8(ascii: "\n"):
          endWord()
          index += 1
        case UInt8(ascii: "\r") where index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "\n"):
          endWord()
          index += 2
        case UInt8(ascii: " "), UInt8(ascii: "#"), UInt8(ascii: ":"):
          word.append(next!)
          index += 1
        default: word.append(byte)
        }
      case UInt8(ascii: "$") where next == UInt8(ascii: "$"):
        word.append(byte)
        index += 1
      case UInt8(ascii: "\n"):
        endWord()
        isBehindColon = false
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): endWord()
      case UInt8(ascii: ":") where !isBehindColon && (next == nil || isBlank(next!)):
        word.append(byte)
        endWord()
      default: word.append(byte)
      }
    }
    endWord()
    return result
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
      || byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\\")
  }

  /// Without `.` and empty parts, and with `x/..` taken out: inputs hold no links that lead elsewhere.
  static func normalized(_ path: [UInt8]) -> [UInt8] {
    let slash = UInt8(ascii: "/")
    var parts: [ArraySlice<UInt8>] = []
    for part in path.split(separator: slash) {
      if part.elementsEqual(".".utf8) { continue }
      if part.elementsEqual("..".utf8), let last = parts.last, !last.elementsEqual("..".utf8) {
        parts.removeLast()
      } else {
        parts.append(part)
      }
    }
    return (path.first == slash ? [slash] : []) + Array(parts.joined(separator: [slash]))
  }
}
