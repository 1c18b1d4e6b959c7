/// Separates a command line into what is Reflow's and what is the program's.
///
/// Program parameters follow the program, as `-name=value`, `-name value`, `--name=value` or `--name value`. A name that is an option of the
/// command itself is the command's in its two-dash form, and the program's with one dash.
struct ProgramArguments: Equatable {
  /// A long option of the command, without dashes, and whether it takes a value.
  struct Option {
    let name: String
    let takesValue: Bool
    /// Stands for the value where none is given: a value that follows must be a number then.
    var standIn: String?
  }

  /// For the command's own parser.
  var own: [String] = []
  /// In order; a name that occurs twice counts with its last value.
  var parameters: [(name: String, value: String)] = []
  /// `-help` stood behind the program.
  var wantsHelp = false
  /// A parameter without a value, for the message.
  var incomplete: String?

  init() {}

  static func == (a: Self, b: Self) -> Bool {
    a.own == b.own && a.wantsHelp == b.wantsHelp && a.incomplete == b.incomplete
      && a.parameters.elementsEqual(b.parameters) { $0 == $1 }
  }

  /// - Parameters:
  ///   - arguments: What follows the command's name.
  ///   - shortOptionsWithValue: The command's one-letter options that take a value, such as `j`.
  init(_ arguments: [String], options: [Option], shortOptionsWithValue: Set<Character>) {
    let known = Dictionary(options.map { ($0.name, $0) }) { first, _ in first }
    var index = 0
    var hasProgram = false
    func next() -> String? {
      index += 1
      return index < arguments.count ? arguments[index] : nil
    }
    while index < arguments.count {
      let argument = arguments[index]
      defer { index += 1 }
      if argument == "--" {
        own += arguments[index...]
        return
      }
      guard argument.hasPrefix("-"), argument.utf8.count > 1 else {
        hasProgram = true
        own.append(argument)
        continue
      }
      let isLong = argument.hasPrefix("--")
      let body = argument.dropFirst(isLong ? 2 : 1)
      let name = String(body.prefix { $0 != "=" })
      let value = body.count > name.count ? String(body.dropFirst(name.count + 1)) : nil
      if isLong, let option = known[name] {
        own.append(argument)
        if let standIn = option.standIn, value == nil {
          let following = index + 1 < arguments.count ? arguments[index + 1] : ""
          let isNumber = !following.isEmpty && following.allSatisfy { $0.isASCII && $0.isNumber }
          own.append(isNumber ? next() ?? standIn : standIn)
        } else if option.takesValue, value == nil, let following = next() {
          own.append(following)
        }
      } else if !isLong, Self.isShortOption(name, value: value, withValue: shortOptionsWithValue) {
        if name.count > 1 {
          // `-j4`, which the parser knows as `-j 4` only.
          own += ["-" + name.prefix(1), String(name.dropFirst())]
          continue
        }
        own.append(argument)
        if shortOptionsWithValue.contains(name.first ?? " "), value == nil, let following = next() {
          own.append(following)
        }
      } else if name == "help", hasProgram || !isLong {
        wantsHelp = true
      } else if let value {
        parameters.append((name, value))
      } else if let following = next() {
        parameters.append((name, following))
      } else {
        incomplete = argument
      }
    }
  }

  /// `-j`, `-j4`, `-k`, `-h`: one letter, or one letter with its number attached. `-k=10` is a program's parameter `k`.
  private static func isShortOption(_ name: String, value: String?, withValue: Set<Character>) -> Bool {
    guard let first = name.first else { return false }
    if name.count == 1 { return value == nil || withValue.contains(first) }
    return value == nil && withValue.contains(first) && name.dropFirst().allSatisfy(\.isNumber)
  }
}
