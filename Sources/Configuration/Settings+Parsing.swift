import BuildGraph
package import Diagnostics
import TOMLKit

extension Settings {
  /// One key of the configuration file: its name, what it takes, and how it is set.
  struct Key: Sendable {
    let name: String
    let expectation: String
    let set: @Sendable (any TOMLValueConvertible, inout Settings) -> Bool
  }

  /// Reads a configuration file. What is wrong is reported and skipped; the rest counts.
  ///
  /// Unknown keys are errors: a misspelt key that is silently ignored costs its author an afternoon.
  package static func parse(_ file: SourceFile) -> (Settings, [Diagnostic]) {
    var settings = Settings()
    var diagnostics: [Diagnostic] = []
    do {
      let table = try TOMLTable(string: String(decoding: file.text, as: UTF8.self))
      read(table, prefix: "", file: file, into: &settings, &diagnostics)
    } catch let error as TOMLParseError {
      let line = min(max(1, error.source.begin.line), file.lineStarts.count)
      let offset = min(file.lineStarts[line - 1] + max(0, error.source.begin.column - 1), file.text.count)
      diagnostics.append(
        Diagnostic("configuration.syntax", error.description, at: SourceRange(file, offset, offset + 1)))
    } catch {
      diagnostics.append(Diagnostic("configuration.syntax", "\(error)", at: SourceRange(file, 0, 0)))
    }
    settings.mappings.sort { ($1.prefix.count, $0.prefix) < ($0.prefix.count, $1.prefix) }
    return (settings, diagnostics)
  }

  private static func read(
    _ table: TOMLTable, prefix: String, file: SourceFile, into settings: inout Settings,
    _ diagnostics: inout [Diagnostic]
  ) {
    for (name, value) in table.map({ ($0, $1) }).sorted(by: { $0.0 < $1.0 }) {
      let path = prefix + name
      if path == "mappings", let mappings = value.table {
        readMappings(mappings, file: file, into: &settings, &diagnostics)
      } else if path == "executors", let names = value.table {
        readExecutors(names, file: file, into: &settings, &diagnostics)
      } else if let inner = value.table, keys.contains(where: { $0.name.hasPrefix(path + ".") }) {
        read(inner, prefix: path + ".", file: file, into: &settings, &diagnostics)
      } else if let key = keys.first(where: { $0.name == path }) {
        if !key.set(value, &settings) {
          diagnostics.append(
            Diagnostic(
              "configuration.invalid-value", "'\(path)' takes \(key.expectation)", at: file.range(ofKey: name)))
        }
      } else {
        diagnostics.append(unknown(path, name, file))
      }
    }
  }

  private static func readMappings(
    _ table: TOMLTable, file: SourceFile, into settings: inout Settings, _ diagnostics: inout [Diagnostic]
  ) {
    for (prefix, value) in table.map({ ($0, $1) }).sorted(by: { $0.0 < $1.0 }) {
      guard prefix.contains("://"), let folder = value.string, !folder.isEmpty else {
        diagnostics.append(
          Diagnostic(
            "configuration.invalid-value",
            "a mapping takes a URL prefix and a folder, such as \"s3://bucket/data\" = \"data\"",
            at: file.range(ofKey: prefix)))
        continue
      }
      var bytes = ByteString(prefix).bytes
      while bytes.last == UInt8(ascii: "/"), !bytes.suffix(3).elementsEqual("://".utf8) { bytes.removeLast() }
      settings.mappings.append(Mapping(prefix: ByteString(bytes: bytes), folder: ByteString(folder)))
    }
  }

  private static func readExecutors(
    _ table: TOMLTable, file: SourceFile, into settings: inout Settings, _ diagnostics: inout [Diagnostic]
  ) {
    for (name, value) in table.map({ ($0, $1) }).sorted(by: { $0.0 < $1.0 }) {
      guard let executor = value.string, ["local", "slurm"].contains(executor) else {
        diagnostics.append(
          Diagnostic(
            "configuration.invalid-value", "a step's executor is \"local\" or \"slurm\"", at: file.range(ofKey: name)))
        continue
      }
      settings.executors[name] = executor
    }
  }

  private static func unknown(_ path: String, _ name: String, _ file: SourceFile) -> Diagnostic {
    let known = keys.map(\.name) + ["executors", "mappings"]
    let range = file.range(ofKey: name)
    var diagnostic = Diagnostic("configuration.unknown-key", "unknown key '\(path)'", at: range)
    if let suggestion = Suggestion.nearest(to: path, among: known) {
      diagnostic.notes.append(.init("did you mean '\(suggestion)'?"))
    } else {
      diagnostic.notes.append(.init("the keys are \(known.sorted().joined(separator: ", "))"))
    }
    return diagnostic
  }

  static let keys: [Key] = [
    Key(name: "images", expectation: "\"auto\", \"podman\", \"docker\", \"apptainer\" or \"ignore\"") {
      guard let images = $0.string.flatMap(Images.init(rawValue:)) else { return false }
      $1.images = images
      return true
    },
    Key(name: "jobs", expectation: "a whole number from 1 to 4096") {
      guard let jobs = $0.int, (1...4096).contains(jobs) else { return false }
      $1.jobs = jobs
      return true
    },
    Key(name: "keep-going", expectation: "true or false") {
      guard let flag = $0.bool else { return false }
      $1.keepGoing = flag
      return true
    },
    Key(name: "roots", expectation: "a list of absolute folders") {
      guard let folders = absoluteFolders($0) else { return false }
      $1.roots = folders
      return true
    },
    Key(name: "sandbox.mode", expectation: "\"auto\", \"strict\" or \"off\"") {
      guard let mode = $0.string, ["auto", "strict", "off"].contains(mode) else { return false }
      $1.sandboxMode = mode
      return true
    },
    Key(name: "sandbox.readable", expectation: "a list of absolute folders; '~/' is your home") {
      guard let folders = absoluteFolders($0) else { return false }
      $1.readableFolders = folders
      return true
    },
    Key(name: "output.link", expectation: "\"auto\", \"reflink\", \"hard\" or \"copy\"") {
      guard let mode = $0.string, ["auto", "reflink", "hard", "copy"].contains(mode) else { return false }
      $1.linkMode = mode
      return true
    },
    Key(name: "log.limit", expectation: "a number of bytes, such as 1048576") {
      guard let limit = $0.int, limit >= 0 else { return false }
      $1.logLimitBytes = Int64(limit)
      return true
    },
    Key(name: "executor", expectation: "\"local\" or \"slurm\"") {
      guard let name = $0.string, ["local", "slurm"].contains(name) else { return false }
      $1.executor = name
      return true
    },
    Key(name: "slurm.allocations", expectation: "a whole number from 1 to 1000") {
      guard let count = $0.int, (1...1000).contains(count) else { return false }
      $1.slurm.allocations = count
      return true
    },
    Key(name: "slurm.cpus", expectation: "a whole number from 1 to 4096") {
      guard let count = $0.int, (1...4096).contains(count) else { return false }
      $1.slurm.cpus = count
      return true
    },
    Key(name: "slurm.memory", expectation: "a number of MiB") {
      guard let mebibytes = $0.int, (16...100_000_000).contains(mebibytes) else { return false }
      $1.slurm.memoryMebibytes = Int64(mebibytes)
      return true
    },
    text("slurm.partition") { $1.slurm.partition = $0 }, text("slurm.account") { $1.slurm.account = $0 },
    text("slurm.qos") { $1.slurm.qos = $0 },
    text("slurm.time") { $1.slurm.time = $0 }, text("slurm.command") { $1.slurm.command = $0 },
    Key(name: "slurm.arguments", expectation: "a list of arguments of sbatch") {
      guard let array = $0.array else { return false }
      let words = array.compactMap { $0.string }
      guard words.count == array.count else { return false }
      $1.slurm.arguments = words
      return true
    },
    seconds("slurm.idle") { $1.slurm.idleSeconds = $0 }, seconds("slurm.late") { $1.slurm.lateSeconds = $0 },
    Key(name: "slurm.silence", expectation: "a number of seconds from 3") {
      guard let seconds = $0.double ?? $0.int.map(Double.init), (3...86_400).contains(seconds) else { return false }
      $1.slurm.silenceSeconds = seconds
      return true
    },
    seconds("slurm.small") { $1.slurm.smallStepSeconds = $0 },
  ]

  private static func text(_ name: String, _ set: @escaping @Sendable (String, inout Settings) -> Void) -> Key {
    Key(name: name, expectation: "a text") {
      guard let text = $0.string, !text.isEmpty else { return false }
      set(text, &$1)
      return true
    }
  }

  private static func seconds(_ name: String, _ set: @escaping @Sendable (Double, inout Settings) -> Void) -> Key {
    Key(name: name, expectation: "a number of seconds") {
      guard let seconds = $0.double ?? $0.int.map(Double.init), (0...86_400).contains(seconds) else { return false }
      set(seconds, &$1)
      return true
    }
  }

  private static func absoluteFolders(_ value: any TOMLValueConvertible) -> [ByteString]? {
    guard let array = value.array else { return nil }
    var folders: [ByteString] = []
    for element in array {
      guard let folder = element.string, folder.hasPrefix("/") || folder.hasPrefix("~/") else { return nil }
      folders.append(ByteString(folder))
    }
    return folders
  }
}

extension SourceFile {
  /// Where a key is written: the first line that begins with it, quoted or not. TOML's tree has no positions.
  fileprivate func range(ofKey name: String) -> SourceRange? {
    let wanted = Array(name.utf8)
    for number in 1...lineStarts.count {
      let text = line(number)
      let blanks = text.prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\"") }
      let start = blanks.endIndex
      guard text[start...].starts(with: wanted) else { continue }
      return SourceRange(self, start, start + wanted.count)
    }
    return nil
  }
}
