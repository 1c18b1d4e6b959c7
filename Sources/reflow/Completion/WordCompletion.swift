import ArgumentParser
import BuildGraph
import Diagnostics

/// What the word at the cursor of a command line may become.
///
/// The shells ask for it at every press of a key, so nothing but the program is read, and nothing is ever complained of: what
/// cannot be found out is left out.
enum WordCompletion {
  static let commandName = "complete-words"

  /// Prints a candidate a line, and behind a tab what it is.
  ///
  /// - Parameter arguments: The shell; then for bash the line up to the cursor and the characters that part words,
  ///   for others the words behind `reflow`, the last of which is the one at the cursor.
  static func answer(_ arguments: [String]) {
    guard let shell = arguments.first.flatMap(Shell.init(rawValue:)) else { return }
    switch shell {
    case .zsh, .fish:
      let words = Array(arguments.dropFirst())
      for candidate in candidates(words.dropLast(), words.last ?? "") {
        let note = candidate.note.split(whereSeparator: \.isNewline).first.map { "\t" + $0 } ?? ""
        Terminal.print(candidate.word + note + "\n")
      }
    case .bash:
      var words = words(of: arguments.dropFirst().first ?? "")
      let current = words.popLast() ?? ""
      // bash replaces only what follows the last character that parts words.
      let breaks = (arguments.count > 2 ? arguments[2] : "=:").filter { $0 == "=" || $0 == ":" }
      let kept = current.lastIndex { breaks.contains($0) }.map {
        current.distance(from: current.startIndex, to: $0) + 1
      }
      for candidate in candidates(words.dropFirst(), current) {
        Terminal.print(quoted(String(candidate.word.dropFirst(kept ?? 0))) + "\n")
      }
    }
  }

  private static func candidates(_ words: ArraySlice<String>, _ current: String) -> [Candidate] {
    guard let tool = CommandLineShape.tool else { return [] }
    var line = CompletedLine(tool: tool)
    for word in words { line.read(word) }
    var seen: Set<String> = []
    return line.candidates(for: current).filter { $0.word.hasPrefix(current) && seen.insert($0.word).inserted }
  }

  // MARK: bash

  /// The words of a line up to the cursor, quotes and backslashes resolved; the last is the one at the cursor.
  static func words(of line: String) -> [String] {
    var words: [String] = []
    var word = ""
    var quote: Character?
    var isEscaped = false
    var isWord = false
    for character in line {
      if isEscaped {
        word.append(character)
        isEscaped = false
      } else if character == "\\", quote != "'" {
        isEscaped = true
        isWord = true
      } else if let open = quote {
        if character == open { quote = nil } else { word.append(character) }
      } else if character == "'" || character == "\"" {
        quote = character
        isWord = true
      } else if character == " " || character == "\t" || character == "\n" {
        if isWord { words.append(word) }
        word = ""
        isWord = false
      } else {
        word.append(character)
        isWord = true
      }
    }
    return words + [word]
  }

  /// As bash reads it as one word.
  private static func quoted(_ word: String) -> String {
    var result = ""
    for (place, scalar) in word.unicodeScalars.enumerated() {
      let isPlain =
        !scalar.isASCII || ("0"..."9").contains(scalar) || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
        || "-_./=:,+@%".unicodeScalars.contains(scalar) || (scalar == "~" && place == 0)
      if !isPlain { result += "\\" }
      result.unicodeScalars.append(scalar)
    }
    return result
  }
}

/// What a word may become.
struct Candidate: Hashable {
  var word: String
  var note: String

  init(_ word: String, _ note: String = "") {
    self.word = word
    self.note = note
  }
}

/// The commands with their options and arguments, as the argument parser describes them.
struct CommandLineShape {
  struct Option {
    /// With dashes.
    var names: [String]
    var takesValue: Bool
    var note: String
  }

  var name: String
  var note: String
  var options: [Option]
  var commands: [CommandLineShape]

  static var tool: CommandLineShape? {
    guard let description = try? JSON(parsing: Array(Reflow._dumpHelp().utf8)), let command = description["command"]
    else { return nil }
    return CommandLineShape(command)
  }

  private init(_ description: JSON) {
    name = description["commandName"]?.string ?? ""
    note = description["abstract"]?.string ?? ""
    options = (description["arguments"]?.array ?? []).compactMap { argument in
      guard let kind = argument["kind"]?.string, kind != "positional", argument["shouldDisplay"]?.bool != false else {
        return nil
      }
      let names = (argument["names"]?.array ?? []).compactMap { name -> String? in
        guard let text = name["name"]?.string else { return nil }
        return (name["kind"] == "long" ? "--" : "-") + text
      }
      return Option(names: names, takesValue: kind == "option", note: argument["abstract"]?.string ?? "")
    }
    commands = (description["subcommands"]?.array ?? []).map { CommandLineShape($0) }
  }

  func option(_ name: String) -> Option? { options.first { $0.names.contains(name) } }
}
