import Diagnostics
import Foundation
import Testing

@testable import Language

@Suite struct ManualTests {
  /// The programs that `reflow.5` shows, between `.Bd -literal` and `.Ed`.
  static let programs: [String] = {
    let path = Conformance.fixtures.deletingLastPathComponent().appending(path: "man/reflow.5").path
    let page = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    return page.components(separatedBy: ".Bd -literal").dropFirst().map { block in
      let lines = block.components(separatedBy: "\n").dropFirst().prefix { $0 != ".Ed" }
      return lines.joined(separator: "\n").replacingOccurrences(of: "\\e", with: "\\") + "\n"
    }
  }()

  @Test("the programs of the manual are right", arguments: programs)
  func examples(program: String) {
    let diagnostics = check(program).diagnostics
    #expect(diagnostics.isEmpty, "\(diagnostics.map(Rendering.short))")
  }

  @Test("the manual names every keyword and every function of a system module")
  func complete() {
    let path = Conformance.fixtures.deletingLastPathComponent().appending(path: "man/reflow.5").path
    let page = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    let words = Set(page.split { !$0.isLetter && !$0.isNumber })
    #expect(Self.programs.count >= 2)
    for (keyword, _) in Token.Kind.keywords { #expect(words.contains(Substring(keyword)), "\(keyword)") }
    for function in SystemFunction.allCases { #expect(page.contains("Fn \(function.name) "), "\(function.rawValue)") }
  }
}
