import BuildGraph
import Foundation
import Testing

@Suite struct DirectCommandTests {
  @Test(arguments: [
    ("cp in/0/a out/o", ["cp", "in/0/a", "out/o"]),
    ("\n  gcc -c 'a b.c' -o x  \n", ["gcc", "-c", "a b.c", "-o", "x"]),
    ("awk '{print $1}' f", ["awk", "{print $1}", "f"]),
    ("sed \"s,a,b,\" f", ["sed", "s,a,b,", "f"]),
    ("x a\"b c\"'d e'f ''", ["x", "ab cd ef", ""]),
  ])
  func simpleCommandsAreTakenApart(_ pair: (String, [String])) {
    #expect(DirectCommand.words(of: ByteString(pair.0)) == pair.1.map { ByteString($0) })
  }

  @Test(arguments: [
    "", "  \n", "a | b", "a; b", "a && b", "a > b", "a < b", "a\nb", "a $x", "a `b`", "a *", "a ?", "a [b]", "a {b,c}",
    "a ~", "a \\b", "a # b", "(a)", "! a", "echo a", "cd x", "exit 3", "test -f x", "[ -f x ]", "time a", "X=1 a",
    "a \"$x\"", "a 'b", "a \"b", "'a' b", "if a", "export A=b", "true", "%1", "a &", "a !b", "ä", "source x", ". x",
  ])
  func whatNeedsAShellGoesToOne(_ script: String) {
    #expect(DirectCommand.words(of: ByteString(script)) == nil)
  }

  /// Wherever the recogniser says that it knows the words, bash must come to the same ones.
  @Test func bashComesToTheSameWords() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("words-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let pieces = [
      "a", "b.c", "x/y", "-f", "--o=v", " ", "  ", "\t", "'", "\"", "'p q'", "\"r s\"", "$x", "*", ";", "\n", "\\", "#",
      "~", "=", "%", "@", ":", ",", "{", "}", "!", "&", "|", "é", "^", "+",
    ]
    var state: UInt64 = 42
    func below(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    var expected: [[ByteString]] = []
    for _ in 0..<4_000 {
      let script = "./probe " + (0..<(1 + below(6))).map { _ in pieces[below(pieces.count)] }.joined()
      guard let words = DirectCommand.words(of: ByteString(script)) else { continue }
      try script.write(to: folder.appendingPathComponent("s\(expected.count)"), atomically: true, encoding: .utf8)
      expected.append(words)
    }
    #expect(expected.count > 500)
    let probe = folder.appendingPathComponent("probe")
    try "#!/bin/bash\nprintf '%s\\0' ./probe \"$@\"\n".write(to: probe, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: probe.path)
    let loop =
      "for ((i = 0; i < \(min(expected.count, 400)); i++)); do bash -e -o pipefail -c \"$(<s$i)\" > o$i || true; done"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", loop]
    process.currentDirectoryURL = folder
    try process.run()
    process.waitUntilExit()
    for (index, words) in expected.prefix(400).enumerated() {
      let data = try Data(contentsOf: folder.appendingPathComponent("o\(index)"))
      let found = data.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
        ByteString(bytes: Array($0))
      }
      #expect(found == words)
    }
  }
}
