/// A script that needs no shell: one simple command made of plain and quoted words, that may read from one file and write to one.
///
/// Running it directly means the same as giving it to bash and costs half. Whatever is not certain goes to bash: builtins
/// (`echo` of bash and of coreutils differ), reserved words, assignments, expansions, globs, comments, more than one command.
/// See <doc:BuildGraph>, "Direct commands".
package struct DirectCommand: Hashable, Sendable {
  /// As it was written: bash gets it where the command cannot be started.
  package let script: ByteString
  package private(set) var words: [ByteString] = []
  /// What `<` names.
  package private(set) var input: ByteString?
  /// What `>` names.
  package private(set) var output: ByteString?

  /// - Parameter environment: The variables that the step declares: some mean something to bash.
  /// - Returns: nil where a shell must read the script.
  /// - Complexity: O(bytes).
  package init?(_ script: ByteString, environment: [Exec.Variable] = []) {
    guard environment.allSatisfy({ Self.isPlainName($0.name) }), let bytes = Self.trimmed(script.bytes) else {
      return nil
    }
    self.script = script
    guard read(bytes) else { return nil }
    // `a=b` is an assignment and `%1` means `fg %1`.
    guard let command = words.first, !command.bytes.contains(UInt8(ascii: "=")),
      command.bytes.first != UInt8(ascii: "%"), !Self.shellWords.contains(command)
    else { return nil }
  }

  // MARK: Reading

  private enum Place {
    case argument, input, output
  }

  private mutating func read(_ bytes: ArraySlice<UInt8>) -> Bool {
    var word: [UInt8]?
    var place = Place.argument
    var index = bytes.startIndex
    while index < bytes.endIndex {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"):
        guard let end = word else { continue }
        guard take(end, as: &place) else { return false }
        word = nil
      case UInt8(ascii: "\\"):
        // The end of a line that goes on.
        guard index < bytes.endIndex, bytes[index] == UInt8(ascii: "\n") else { return false }
        index += 1
      case UInt8(ascii: "<"), UInt8(ascii: ">"):
        // A number right before it would name what is led elsewhere; `>>`, `<>` and `> <` have no word between the two.
        guard word == nil, place == .argument else { return false }
        place = byte == UInt8(ascii: "<") ? .input : .output
      case UInt8(ascii: "'"), UInt8(ascii: "\""):
        // A quoted command name is still a builtin but no longer a reserved word: leave such subtleties to bash.
        guard !words.isEmpty, let end = bytes[index...].firstIndex(of: byte) else { return false }
        let quoted = bytes[index..<end]
        guard !quoted.contains(0) else { return false }
        if byte == UInt8(ascii: "\""), quoted.contains(where: Self.isExpandedInQuotes) { return false }
        word = (word ?? []) + quoted
        index = end + 1
      default:
        guard Staging.isPlain(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ":") else { return false }
        word = (word ?? []) + [byte]
      }
    }
    if let word, !take(word, as: &place) { return false }
    return place == .argument
  }

  private mutating func take(_ bytes: [UInt8], as place: inout Place) -> Bool {
    let word = ByteString(bytes: bytes)
    switch place {
    case .argument: words.append(word)
    case .input where input == nil && Self.isPlainFile(word): input = word
    case .output where output == nil && Self.isPlainFile(word): output = word
    case .input, .output: return false
    }
    place = .argument
    return true
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

  /// bash has meanings of its own for some names below `/dev`: `/dev/tcp/HOST/PORT` is a connection.
  private static func isPlainFile(_ path: ByteString) -> Bool {
    path == "/dev/null" || !(path.isEmpty || path.bytes.starts(with: "/dev/".utf8))
  }

  // MARK: What bash knows

  /// Whether bash hands a variable on as it got it and does nothing else by it.
  private static func isPlainName(_ name: ByteString) -> Bool {
    guard let first = name.bytes.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    let isIdentifier = name.bytes.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        return true
      default: return false
      }
    }
    return isIdentifier && !name.bytes.starts(with: "BASH".utf8) && !name.bytes.starts(with: "COMP".utf8)
      && !shellVariables.contains(name)
  }

  /// Reserved words and builtins of bash 5.
  package static let shellWords: Set<ByteString> = [
    ".", ":", "[", "alias", "bg", "bind", "break", "builtin", "caller", "case", "cd", "command", "compgen", "complete",
    "compopt", "continue", "coproc", "declare", "dirs", "disown", "do", "done", "echo", "elif", "else", "enable",
    "esac",
    "eval", "exec", "exit", "export", "false", "fc", "fg", "fi", "for", "function", "getopts", "hash", "help",
    "history",
    "if", "in", "jobs", "kill", "let", "local", "logout", "mapfile", "popd", "printf", "pushd", "pwd", "read",
    "readarray", "readonly", "return", "select", "set", "shift", "shopt", "source", "suspend", "test", "then", "time",
    "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
  ]

  /// Variables that bash sets, drops or acts upon. A `PATH` of one's own may hold `~`, or folders relative to the current one.
  private static let shellVariables: Set<ByteString> = [
    "_", "CDPATH", "CHILD_MAX", "COLUMNS", "COPROC", "DIRSTACK", "EMACS", "ENV", "EPOCHREALTIME", "EPOCHSECONDS",
    "EUID",
    "EXECIGNORE", "FCEDIT", "FIGNORE", "FUNCNAME", "FUNCNEST", "GLOBIGNORE", "GLOBSORT", "GROUPS", "HISTCMD",
    "HISTCONTROL", "HISTFILE",
    "HISTFILESIZE", "HISTIGNORE", "HISTSIZE", "HISTTIMEFORMAT", "HOSTFILE", "HOSTNAME", "HOSTTYPE", "IFS", "IGNOREEOF",
    "INPUTRC", "INSIDE_EMACS", "LINENO", "LINES", "MACHTYPE", "MAIL", "MAILCHECK", "MAILPATH", "MAPFILE", "OLDPWD",
    "OPTARG", "OPTERR", "OPTIND",
    "OSTYPE", "PATH", "PIPESTATUS", "POSIXLY_CORRECT", "POSIX_PEDANTIC", "PPID", "PROMPT_COMMAND", "PROMPT_DIRTRIM",
    "PS0", "PS1", "PS2", "PS3", "PS4", "PWD",
    "RANDOM", "READLINE_LINE", "READLINE_POINT", "REPLY", "SECONDS", "SHELL", "SHELLOPTS", "SHLVL", "SRANDOM", "TERM",
    "TIMEFORMAT", "TMOUT", "UID", "auto_resume", "histchars",
  ]
}
