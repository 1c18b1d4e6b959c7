import BuildGraph
import Language

/// A command line that is being completed, read up to the word at the cursor.
struct CompletedLine {
  let tool: CommandLineShape
  private var command: CommandLineShape?
  private var arguments: [String] = []
  /// The option whose value comes next.
  private var pending: String?
  private var values: [String: String] = [:]
  private var endsOptions = false
  /// A parameter of the program has been named, and its value comes next.
  private var pendingParameter: String?

  init(tool: CommandLineShape) { self.tool = tool }

  mutating func read(_ word: String) {
    if let option = pending {
      values[option] = word
      pending = nil
    } else if pendingParameter != nil {
      pendingParameter = nil
    } else if word == "--" {
      endsOptions = true
    } else if word.hasPrefix("-"), !endsOptions {
      guard !word.contains("=") else { return }
      if let option = command?.option(word) {
        if option.takesValue { pending = option.names.last }
      } else if takesParameters {
        pendingParameter = String(word.drop { $0 == "-" })
      }
    } else if command == nil {
      command = tool.commands.first { $0.name == word } ?? CommandLineShape.unknown(word)
    } else {
      arguments.append(word)
    }
  }

  /// What the word at the cursor may become; more than begins as it does.
  func candidates(for current: String) -> [Candidate] {
    guard let command else {
      if current.hasPrefix("-") { return options(of: tool) }
      return tool.commands.map { Candidate($0.name, $0.note) } + [Candidate("help", "Show help of a command.")]
    }
    if let pending { return values(of: pending, current) }
    if let pendingParameter { return values(ofParameter: pendingParameter, "", current) }
    if current.hasPrefix("-"), !endsOptions {
      if let sign = current.firstIndex(of: "=") {
        let name = String(current[..<sign])
        let prefix = name + "="
        let value = String(current[current.index(after: sign)...])
        if let option = command.option(name), option.takesValue {
          return values(of: option.names.last ?? name, value).map { Candidate(prefix + $0.word, $0.note) }
        }
        return values(ofParameter: String(name.drop { $0 == "-" }), prefix, value)
      }
      return parameters + options(of: command)
    }
    return arguments(of: command, current)
  }

  private func options(of command: CommandLineShape) -> [Candidate] {
    command.options.flatMap { option in
      option.names.filter { $0.hasPrefix("--") }.map { Candidate($0, option.note) }
    }
  }

  // MARK: Arguments

  private func arguments(of command: CommandLineShape, _ current: String) -> [Candidate] {
    let isFirst = arguments.isEmpty
    switch command.name {
    case "build", "watch", "status": return isFirst ? PathCompletion.programs(current) : parameters
    case "check", "fmt", "test": return PathCompletion.programs(current)
    case "eval": return isFirst ? PathCompletion.programs(current) : arguments.count == 1 ? exports : parameters
    case "doc":
      return isFirst ? PathCompletion.programs(current) + SystemModule.names.map { Candidate("$/" + $0) } : []
    case "init": return isFirst ? PathCompletion.folders(current) : []
    case "why", "log": return isFirst ? PathCompletion.files(current) : []
    case "completions": return isFirst ? Shell.allCases.map { Candidate($0.rawValue) } : []
    case "help": return isFirst ? tool.commands.map { Candidate($0.name, $0.note) } : []
    default: return []
    }
  }

  private func values(of option: String, _ current: String) -> [Candidate] {
    switch option {
    case "--target": exports.filter { !arguments.contains($0.word) }
    case "--sandbox": [Candidate("auto"), Candidate("strict"), Candidate("off")]
    case "--executor": [Candidate("local")]
    case "--format": [Candidate("dot"), Candidate("json"), Candidate("svg"), Candidate("html")]
    case "--template": Template.allCases.map { Candidate($0.rawValue, $0.summary) }
    case "--root", "--out": PathCompletion.folders(current)
    case "--events", "--trace", "--input": PathCompletion.files(current)
    default: []
    }
  }

  // MARK: The program

  private var takesParameters: Bool {
    ["build", "watch", "eval", "test", "status"].contains(command?.name ?? "")
  }

  /// The program of the line, as far as it can be read.
  private var module: CheckedModule? {
    guard takesParameters, let workspace = Workspace(unconfiguredAt: values["--root"]) else { return nil }
    return workspace.load(arguments.first ?? "main.rf").entry
  }

  private var exports: [Candidate] {
    (module?.exports ?? []).map { Candidate($0.name, Self.shortened("\($0.type)")) }
  }

  private var parameters: [Candidate] {
    (module?.params ?? []).map { param in
      let comment = param.documentation.flatMap { $0.split(separator: "\n").first }.map { ": " + $0 } ?? ""
      return Candidate("-\(param.name)=", Self.shortened("\(param.type)") + comment)
    }
  }

  private func values(ofParameter name: String, _ prefix: String, _ current: String) -> [Candidate] {
    let found: [Candidate] =
      switch module?.params.first(where: { $0.name == name })?.type {
      case .bool?: [Candidate("true"), Candidate("false")]
      case .file?: PathCompletion.files(current)
      case .dir?: PathCompletion.folders(current)
      case _: []
      }
    return found.map { Candidate(prefix + $0.word, $0.note) }
  }

  private static func shortened(_ text: String) -> String { text.count > 60 ? text.prefix(57) + "..." : text }
}

extension CommandLineShape {
  /// A command that there is not.
  static func unknown(_ name: String) -> CommandLineShape {
    CommandLineShape(name: name, note: "", options: [], commands: [])
  }

  private init(name: String, note: String, options: [Option], commands: [CommandLineShape]) {
    self.name = name
    self.note = note
    self.options = options
    self.commands = commands
  }
}
