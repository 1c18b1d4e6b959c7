/// Recognises scripts that need no shell: one simple command made of plain and quoted words.
///
/// Running such a command directly means the same as giving it to bash and costs half. Whatever is not certain goes to bash:
/// builtins (`echo` of bash and of coreutils differ), reserved words, assignments, expansions, globs, comments, more than one
/// line.
package enum DirectCommand {
  /// The words of the command, or nil where a shell must read it.
  ///
  /// - Complexity: O(bytes).
  package static func words(of script: ByteString) -> [ByteString]? {
    guard let bytes = trimmed(script.bytes) else { return nil }
    var words: [ByteString] = []
    var word: [UInt8] = []
    var isInWord = false
    var index = bytes.startIndex
    while index < bytes.endIndex {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"):
        if isInWord { words.append(ByteString(bytes: word)) }
        word.removeAll(keepingCapacity: true)
        isInWord = false
      case UInt8(ascii: "'"), UInt8(ascii: "\""):
        // A quoted command name is still a builtin but no longer a reserved word: leave such subtleties to bash.
        guard !words.isEmpty, let end = bytes[index...].firstIndex(of: byte) else { return nil }
        let quoted = bytes[index..<end]
        guard !quoted.contains(0) else { return nil }
        if byte == UInt8(ascii: "\""), quoted.contains(where: isExpandedInQuotes) { return nil }
        word += quoted
        isInWord = true
        index = end + 1
      default:
        guard Staging.isPlain(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ":") else { return nil }
        word.append(byte)
        isInWord = true
      }
    }
    if isInWord { words.append(ByteString(bytes: word)) }
    // `a=b` is an assignment and `%1` means `fg %1`.
    guard let command = words.first, !command.bytes.contains(UInt8(ascii: "=")),
      command.bytes.first != UInt8(ascii: "%"), !shellWords.contains(command)
    else { return nil }
    return words
  }

  private static func trimmed(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
    func isBlank(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
    }
    guard let start = bytes.firstIndex(where: { !isBlank($0) }), let end = bytes.lastIndex(where: { !isBlank($0) })
    else { return nil }
    return bytes[start...end]
  }

  private static func isExpandedInQuotes(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "$") || byte == UInt8(ascii: "`") || byte == UInt8(ascii: "\\")
  }

  /// Reserved words and builtins of bash 5.
  private static let shellWords: Set<ByteString> = [
    ".", ":", "[", "alias", "bg", "bind", "break", "builtin", "caller", "case", "cd", "command", "compgen", "complete",
    "compopt", "continue", "coproc", "declare", "dirs", "disown", "do", "done", "echo", "elif", "else", "enable",
    "esac",
    "eval", "exec", "exit", "export", "false", "fc", "fg", "fi", "for", "function", "getopts", "hash", "help",
    "history",
    "if", "in", "jobs", "kill", "let", "local", "logout", "mapfile", "popd", "printf", "pushd", "pwd", "read",
    "readarray", "readonly", "return", "select", "set", "shift", "shopt", "source", "suspend", "test", "then", "time",
    "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
  ]
}
