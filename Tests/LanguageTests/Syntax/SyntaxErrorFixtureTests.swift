import BuildGraph
import Diagnostics
import Foundation
import Testing

@testable import Language

/// What is said about programs that cannot be read: `NNN-name.rf` with numbers below 200 in `fixtures/language/errors/`, and
/// beside each the messages, `NNN-name.txt`.
///
/// With RECORD=1 in the environment the messages are written anew, and the test fails so that nobody does it by accident.
@Suite struct SyntaxErrorFixtureTests {
  static let folder = ErrorFixtureTests.folder

  static let programs: [String] = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    .filter { $0.hasSuffix(".rf") && $0 < "200" }.sorted()

  static func source(_ name: String) -> SourceFile {
    SourceFile(name: name, text: [UInt8](FileManager.default.contents(atPath: folder + "/" + name) ?? Data()))
  }

  @Test("a wrong program gets the recorded messages", arguments: programs)
  func messages(name: String) {
    let messages = parse(Self.source(name)).1.map { Rendering.full($0) + "\n" }.joined()
    let path = Self.folder + "/" + name.dropLast(2) + "txt"
    if ProcessInfo.processInfo.environment["RECORD"] == "1" {
      _ = FileManager.default.createFile(atPath: path, contents: Data(messages.utf8))
      Issue.record("recorded \(path)")
      return
    }
    let recorded = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    #expect(recorded == messages)
  }

  @Test("every message of lexer and parser has a fixture")
  func coverage() throws {
    let sources = Conformance.fixtures.deletingLastPathComponent().appending(path: "Sources/Language/Syntax").path
    let expression = try RegularExpression("\"(language\\.[a-z0-9-]+)\"")
    var ids: Set<String> = []
    for name in try FileManager.default.contentsOfDirectory(atPath: sources) where name.hasSuffix(".swift") {
      let text = String(decoding: FileManager.default.contents(atPath: sources + "/" + name) ?? Data(), as: UTF8.self)
      for line in text.split(separator: "\n") {
        guard let range = expression.firstMatch(in: .init(line))?.groups[1] else { continue }
        ids.insert(String(decoding: Array(line.utf8)[range], as: UTF8.self))
      }
    }
    // Two GiB are too much for a fixture.
    ids.remove("language.file-too-large")
    #expect(ids.count > 15)
    let found = Set(Self.programs.flatMap { parse(Self.source($0)).1 }.map(\.id.description))
    #expect(found == ids)
  }

  @Test("a fix mends what it is offered for, and breaks nothing else", arguments: programs)
  func fixes(name: String) {
    let source = Self.source(name)
    let diagnostics = parse(source).1
    for diagnostic in diagnostics {
      for fix in diagnostic.fixIts {
        var text = source.text
        for edit in fix.edits.sorted(by: { $0.range.lower > $1.range.lower }) {
          text.replaceSubrange(edit.range.lower..<edit.range.upper, with: Array(edit.replacement.utf8))
        }
        let mended = parse(SourceFile(name: name, text: text)).1
        #expect(
          !mended.contains {
            $0.id == diagnostic.id && $0.message == diagnostic.message && $0.range?.start == diagnostic.range?.start
          },
          "\(Rendering.full(diagnostic))")
        #expect(mended.count <= diagnostics.count, "\(Rendering.full(diagnostic))")
      }
    }
  }

  @Test("ten mistakes give ten messages, one for each line that has one")
  func ten() {
    let source = Self.source("150-ten-errors.rf")
    let (tree, diagnostics) = parse(source)
    #expect(diagnostics.count == 10)
    #expect(Set(diagnostics.map { $0.range?.start.line }).count == 10)
    // The declaration after them is whole.
    #expect(tree.module.declarations.last.map { Structure(tree: tree).declaration($0) } == "(val Fine (+ One 1))")
  }
}
