import BuildGraph
import Diagnostics
import Foundation
import Testing

@testable import Language

/// A small program, and what is to become of it.
///
/// The files under `fixtures/language/conformance/` hold many. A program begins after a line `=== NAME` and ends at a line
/// `---`; then come its expectations, one a line:
///
///     value NAME : TYPE = VALUE     an exported value that is known at once, as it is printed
///     delayed NAME : TYPE = VALUE   the same, but it waits for a step or source (or for `delay`)
///     fault LINE TEXT               evaluating the module fails there
///     error LINE TEXT               parsing or checking it fails there; there may be several
///     warning LINE TEXT             in the order in which they are reported
///
/// ` = VALUE` is left out where the value is a function or needs a step. TEXT says what the original said; ours may say it
/// better, but not elsewhere.
struct ConformanceCase: CustomTestStringConvertible, Sendable {
  struct Export: Hashable, Sendable {
    var name: String
    var type: String
    var isDelayed: Bool
    var value: String?
  }

  struct Message: Hashable, Sendable {
    var line: Int
    var text: String
  }

  var name: String
  var program = ""
  var exports: [Export] = []
  var faults: [Message] = []
  var errors: [Message] = []
  var warnings: [Message] = []

  var testDescription: String { name }
}

enum Conformance {
  static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "fixtures")

  /// Every case of every file, in order.
  static let cases: [ConformanceCase] = {
    let folder = fixtures.appending(path: "language/conformance").path
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    return names.flatMap { name in
      parse(String(decoding: FileManager.default.contents(atPath: folder + "/" + name) ?? Data(), as: UTF8.self))
    }
  }()

  static func parse(_ text: String) -> [ConformanceCase] {
    var cases: [ConformanceCase] = []
    var isProgram = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("=== ") {
        cases.append(ConformanceCase(name: String(line.dropFirst(4))))
        isProgram = true
      } else if cases.isEmpty {
        continue
      } else if line == "---" {
        isProgram = false
      } else if isProgram {
        cases[cases.count - 1].program += line + "\n"
      } else if !line.isEmpty {
        cases[cases.count - 1].expect(line)
      }
    }
    return cases
  }
}

extension ConformanceCase {
  fileprivate mutating func expect(_ line: Substring) {
    let words = line.split(separator: " ", maxSplits: 2)
    switch words[0] {
    case "value", "delayed":
      let colon = line.range(of: " : ")!
      let rest = line[colon.upperBound...]
      let equals = rest.range(of: " = ")
      exports.append(
        Export(
          name: String(words[1]), type: String(rest[..<(equals?.lowerBound ?? rest.endIndex)]),
          isDelayed: words[0] == "delayed", value: equals.map { String(rest[$0.upperBound...]) }))
    case "fault": faults.append(Message(line: Int(words[1])!, text: String(words[2])))
    case "error": errors.append(Message(line: Int(words[1])!, text: String(words[2])))
    case "warning": warnings.append(Message(line: Int(words[1])!, text: String(words[2])))
    default: preconditionFailure("not an expectation: \(line)")
    }
  }
}

/// Checks a program of one or more files, the first being the entry.
func check(files: [(String, String)]) -> CheckedProgram {
  let texts = Dictionary(files.map { (ByteString($0), Array($1.utf8)) }) { $1 }
  let loader = ProgramLoader { path in
    texts[path].map { .success($0) } ?? .failure(UnreadableModule("open \(path.display): no such file or directory"))
  }
  return loader.load(ByteString(files[0].0))
}

/// Checks a program of one file.
func check(_ text: String) -> CheckedProgram { check(files: [("main.rf", text)]) }
