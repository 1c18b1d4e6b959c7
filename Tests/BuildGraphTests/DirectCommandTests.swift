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
    ("gcc -c \\\n  a.c -o \\\nx -D\\\nN", ["gcc", "-c", "a.c", "-o", "x", "-DN"]),
  ])
  func simpleCommandsAreTakenApart(_ pair: (String, [String])) {
    let command = DirectCommand(ByteString(pair.0))
    #expect(command?.words == pair.1.map { ByteString($0) })
    #expect(command?.input == nil && command?.output == nil)
  }

  @Test(
    arguments: [
      ("cat in/0/a in/1/b > out/o", ["cat", "in/0/a", "in/1/b"], nil, "out/o"),
      ("tr a b <in/0/a >out/o", ["tr", "a", "b"], "in/0/a", "out/o"),
      ("< in/0/a sort -u > 'out/o p'", ["sort", "-u"], "in/0/a", "out/o p"),
      ("head -n 3 > out/o < in/0/a", ["head", "-n", "3"], "in/0/a", "out/o"),
      ("cmp a b > /dev/null", ["cmp", "a", "b"], nil, "/dev/null"),
    ] as [(String, [String], String?, String?)])
  func theFilesThatItReadsAndWritesAreFound(_ of: (String, [String], String?, String?)) {
    let command = DirectCommand(ByteString(of.0))
    #expect(command?.words == of.1.map { ByteString($0) })
    #expect(command?.input == of.2.map { ByteString($0) })
    #expect(command?.output == of.3.map { ByteString($0) })
  }

  @Test(arguments: [
    "", "  \n", "a | b", "a; b", "a && b", "a\nb", "a $x", "a `b`", "a *", "a ?", "a [b]", "a {b,c}",
    "a ~", "a \\b", "a # b", "(a)", "! a", "echo a", "cd x", "exit 3", "test -f x", "[ -f x ]", "time a", "X=1 a",
    "a \"$x\"", "a 'b", "a \"b", "'a' b", "if a", "export A=b", "true", "%1", "a &", "a !b", "ä", "source x", ". x",
    "> o", "a >", "a >> b", "a > b > c", "a < b < c", "a 2> b", "a 2>b", "a b>c", "a >& b", "a >| b", "a <> b",
    "a << b",
    "a <<< b", "a <(b)", "a > $x", "a > *", "a > ~/b", "< b A=1 a", "echo > b", "a > /dev/tcp/h/80", "a > /dev/fd/3",
    "a \\", "a \\ b", "a 'b\\\n'c\\", "a > b\nc", "a > ''", "a < \"\"",
  ])
  func whatNeedsAShellGoesToOne(_ script: String) {
    #expect(DirectCommand(ByteString(script)) == nil)
  }

  @Test(arguments: ["BASH_ENV", "PATH", "POSIXLY_CORRECT", "SHLVL", "RANDOM", "a.b", "BASH_FUNC_cp%%", "1"])
  func aVariableThatBashKnowsTakesItThere(_ name: String) {
    let variable = Exec.Variable(name: ByteString(name), value: "x")
    #expect(DirectCommand("cp a b", environment: [variable]) == nil)
    #expect(DirectCommand("cp a b", environment: [.init(name: "OMP_NUM_THREADS", value: "$x")]) != nil)
  }

  @Test func everyWordOfThisMachinesBashIsKnown() throws {
    let bash = Process()
    bash.executableURL = URL(fileURLWithPath: "/bin/bash")
    bash.arguments = ["-c", "compgen -b; compgen -k"]
    let pipe = Pipe()
    bash.standardOutput = pipe
    try bash.run()
    let words = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).split(separator: "\n")
    bash.waitUntilExit()
    #expect(words.count > 60)
    for word in words { #expect(DirectCommand(ByteString("\(word) a b")) == nil, "\(word)") }
  }

  /// Wherever the recogniser says that it knows the words and files, bash must come to the same ones.
  @Test func bashComesToTheSameWords() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("words-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let pieces = [
      "a", "b.c", "x/y", "-f", "--o=v", " ", "  ", "\t", "'", "\"", "'p q'", "\"r s\"", "$x", "*", ";", "\n", "\\", "#",
      "~", "=", "%", "@", ":", ",", "{", "}", "!", "&", "|", "é", "^", "+", ">", "<", " > o", " < i", "\\\n", "2",
      " >'q r' ",
    ]
    var state: UInt64 = 42
    func below(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    var found: [DirectCommand] = []
    for _ in 0..<6_000 {
      let script = "../probe " + (0..<(1 + below(6))).map { _ in pieces[below(pieces.count)] }.joined()
      guard let command = DirectCommand(ByteString(script)) else { continue }
      found.append(command)
    }
    #expect(found.count > 700)
    let probe = folder.appendingPathComponent("probe")
    try "#!/bin/bash\nprintf '%s\\0' ../probe \"$@\"\ncat\n".write(to: probe, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: probe.path)
    // Those with files are the fewer and the newer ones.
    let tried = found.filter { $0.input != nil || $0.output != nil }.prefix(150) + found.prefix(150)
    #expect(tried.count == 300)
    for (index, command) in tried.enumerated() {
      let place = folder.appendingPathComponent("d\(index)")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      try Data(command.script.bytes).write(to: place.appendingPathComponent("script"))
      try "what is read".write(to: place.appendingPathComponent("i"), atomically: false, encoding: .utf8)
    }
    let loop = """
      for ((i = 0; i < \(tried.count); i++)); do
        cd d$i; bash -e -o pipefail -c "$(<script)" > printed < /dev/null 2> /dev/null; echo $? > status; cd ..
      done
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", loop]
    process.currentDirectoryURL = folder
    try process.run()
    process.waitUntilExit()
    for (index, command) in tried.enumerated() {
      let place = folder.appendingPathComponent("d\(index)")
      func content(_ name: String) -> [UInt8]? {
        (try? Data(contentsOf: place.appendingPathComponent(name))).map { Array($0) }
      }
      let reads = command.input.map { String(decoding: $0.bytes, as: UTF8.self) }
      let writes = command.output.map { String(decoding: $0.bytes, as: UTF8.self) }
      guard reads == nil || reads == "i", writes != "i", writes?.contains("/") != true else {
        // There is no such file or folder: neither starts the command then.
        #expect(writes == "i" || content("status") == Array("1\n".utf8), "\(command.script.display)")
        continue
      }
      #expect(content("status") == Array("0\n".utf8), "\(command.script.display)")
      var words: [UInt8] = []
      for word in command.words { words += word.bytes + [0] }
      #expect(
        content(writes ?? "printed") == words + Array(reads == nil ? [] : Array("what is read".utf8)),
        "\(command.script.display)")
    }
  }
}
