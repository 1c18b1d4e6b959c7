import BuildGraph
import Diagnostics
import Foundation
import Testing

@testable import Language

/// What is said about programs that are wrong: a program `NNN-name.rf` and, beside it, the messages in `NNN-name.txt`.
///
/// With RECORD=1 in the environment the messages are written anew, and the test fails so that nobody does it by accident.
struct ErrorFixtureTests {
  static let folder = Conformance.fixtures.appending(path: "language/errors").path

  /// The checker's fixtures have numbers of 200 and more; those below are the parser's.
  static let programs: [String] = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    .filter { $0.hasSuffix(".rf") && $0 >= "200" }.sorted()

  static func load(_ name: String, replacing: (name: String, text: [UInt8])? = nil) -> CheckedProgram {
    let loader = ProgramLoader { path in
      if let replacing, ByteString(replacing.name) == path { return .success(replacing.text) }
      guard let data = FileManager.default.contents(atPath: folder + "/" + path.display) else {
        return .failure(UnreadableModule("open \(path.display): no such file or directory"))
      }
      return .success([UInt8](data))
    }
    return loader.load(ByteString(name))
  }

  @Test(arguments: programs) func `a wrong program gets the recorded messages`(_ name: String) {
    let messages = Self.load(name).diagnostics.map { Rendering.full($0) + "\n" }.joined()
    let path = Self.folder + "/" + name.dropLast(2) + "txt"
    if ProcessInfo.processInfo.environment["RECORD"] == "1" {
      _ = FileManager.default.createFile(atPath: path, contents: Data(messages.utf8))
      Issue.record("recorded \(path)")
      return
    }
    let recorded = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    #expect(recorded == messages)
  }

  @Test func `every id has a fixture and is used once`() {
    let ids = CheckerMessage.allCases.map(\.rawValue)
    #expect(Set(ids).count == ids.count)
    let found = Set(Self.programs.flatMap { Self.load($0).diagnostics }.map(\.id.description))
    for id in ids { #expect(found.contains(id), "no fixture for \(id)") }
  }

  @Test(arguments: programs) func `a fix mends what it is offered for`(_ name: String) throws {
    let source = try #require(FileManager.default.contents(atPath: Self.folder + "/" + name))
    for diagnostic in Self.load(name).diagnostics where diagnostic.range?.file.name == name {
      for fix in diagnostic.fixIts {
        var text = [UInt8](source)
        for edit in fix.edits.sorted(by: { $0.range.lower > $1.range.lower }) {
          text.replaceSubrange(edit.range.lower..<edit.range.upper, with: Array(edit.replacement.utf8))
        }
        let mended = Self.load(name, replacing: (name, text)).diagnostics
        #expect(
          !mended.contains {
            $0.id == diagnostic.id && $0.message == diagnostic.message && $0.range?.start == diagnostic.range?.start
          },
          "\(Rendering.full(diagnostic))")
      }
    }
  }
}
