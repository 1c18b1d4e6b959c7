import Foundation
import Testing

/// What a user asks of the last build: where something comes from, what depends on it, what is stale.
struct WhyTests {
  private static let program = """
    func Upper(part file) = exec() (upper file) {"
      tr a-z A-Z < {{part}} > {{upper}}
    "}
    func Join(parts [file]) = exec() (joined file) {" cat {{parts}} > {{joined}} "}
    val parts = [(name, Upper(part)) | (name, part) <- dir("data")]
    val Main = {parts: map(parts), all: Join([part | (_, part) <- parts]), plain: file("notes.txt")}

    """

  private func project() throws -> Workspace {
    try Workspace([
      "main.rf": Self.program, "data/a.txt": "a\n", "data/b.txt": "b\n", "notes.txt": "n\n", "unused.txt": "u\n",
    ])
  }

  @Test func `why tells the step, its command, its inputs and why it ran`() throws {
    let project = try project()
    #expect(try project.build().status == 0)
    let why = try project.reflow("why", "out/parts/a.txt")
    #expect(why.status == 0)
    let lines = why.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    #expect(lines.first == "parts/a.txt")
    #expect(lines.contains { $0.hasPrefix("made by  Upper[a.txt] (key ") })
    #expect(lines.contains("command  tr a-z A-Z < in/0/a.txt > out/upper"))
    #expect(lines.contains("reads    data/a.txt"))
    #expect(lines.contains("because  never built"))
    #expect(try project.reflow("why", "parts/a.txt").output == why.output, "with and without the tree's name")
    #expect(try project.reflow("why", "Upper[a.txt]").output.contains("outputs  parts/a.txt"))
    #expect(try project.reflow("why", "out/plain").output == "plain\n  copy of  notes.txt\n")
    try project.write("data/a.txt", "A new text\n")
    #expect(try project.build().status == 0)
    #expect(try project.reflow("why", "out/all").output.contains("because  input Upper[a.txt] changed"))
    let json = try project.reflow("why", "--json", "out/all")
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    #expect(object?["step"] as? String == "Join")
    #expect((object?["inputs"] as? [[String: Any]])?.count == 2)
  }

  @Test func `a step that collects what others make says which input is new to it`() throws {
    let project = try project()
    func reasons() throws -> [String] {
      try project.build("--explain").errors.split(separator: "\n").filter { $0.hasPrefix("run Join") }.map(String.init)
    }
    #expect(try reasons() == ["run Join (never built)"])
    try project.write("data/c.txt", "c\n")
    #expect(try project.build("-n").status == 0)
    #expect(try reasons() == ["run Join (new input Upper[c.txt])"])
    try project.write("data/c.txt", "cc\n")
    #expect(try reasons() == ["run Join (input Upper[c.txt] changed)"])
    try project.write("data/d.txt", "d\n")
    try project.write("data/e.txt", "e\n")
    #expect(try reasons() == ["run Join (new input Upper[d.txt] and 1 more)"])
    try project.remove("data/a.txt")
    #expect(try reasons() == ["run Join (fewer inputs)"])
    try project.write("data/f.txt", "f\n")
    try project.remove("data/b.txt")
    #expect(try reasons() == ["run Join (other inputs: Upper[f.txt])"])
  }

  @Test func `why --input tells the steps and outputs that depend on a file`() throws {
    let project = try project()
    #expect(try project.build().status == 0)
    let why = try project.reflow("why", "--input", "data/b.txt").output
    #expect(why.contains("2 depend on it, 1 directly, 1 through others"))
    #expect(why.contains("Upper[b.txt]\n") && why.contains("Join\n") && !why.contains("Upper[a.txt]"))
    #expect(why.hasSuffix("outputs all\n          parts/b.txt\n"))
    #expect(try project.reflow("why", "--input", "notes.txt").output.contains("no step depends on it"))
    #expect(try project.reflow("why", "--input", "main.rf").output.contains("is a part of the program"))
  }

  @Test func `why of a table tells its plan and its sources`() throws {
    let project = try Workspace(fixture: "tables")
    #expect(try project.build("mentions.rf").status == 0)
    let why = try project.reflow("why", "out/components.csv").output
    #expect(why.contains("command  table, as table.csv, of these") && why.contains("fixpoint (mentions.rf:"), "\(why)")
    let counts = why.split(separator: "\n").filter { $0.hasSuffix("held  operator") || $0.contains(" read csv") }
    #expect(counts.count == 2 && counts[1].split(separator: " ").prefix(2).joined(separator: " ") == "7 7", "\(why)")
    #expect(why.contains("reads    mentions.csv"))
  }

  private static let relations = """
    val E = table(dir("edges")) {src, dst int}
    val N = table(file("names.csv")) {id int, name string}
    val Degree = [{name: n.name, n: len(g.rows)} | g <- group(E, func(e {dst int}) => e.dst), n <- N, if n.id == g.key]
    val Reach = fixpoint(E, func(p table {src, dst int}) =>
      distinct(E + [{src: x.src, dst: e.dst} | x <- p, e <- E, if x.dst == e.src]))
    val Main = {degree: Degree, reach: Reach, parts: parts(E, 2), note: file("names.csv")}

    """

  @Test func `why --row names the records that a row rests on`() throws {
    let project = try Workspace([
      "main.rf": Self.relations, "names.csv": "id,name\n2,bob\n3,\"cyd\nlee\"\n",
      "edges/a.csv": "src,dst\n1,2\n1,3\n", "edges/b.csv": "dst,src\r\n3,2\r\n",
    ])
    #expect(try project.build().status == 0)
    let why = try project.reflow("why", "out/degree.csv", "--row", "2")
    #expect(why.status == 0, "\(why.errors)")
    #expect(
      why.output == """
        out/degree.csv, row 2: "cyd\\x0alee",2
          rests on these 3 records
          edges/a.csv:3: 1,3
          edges/b.csv:2: 3,2
          names.csv:3: 3,"cyd

        """)
    let reach = try project.reflow("why", "--row", "3", "reach.csv")
    #expect(reach.output.contains("2,3\n  rests on 1 record that suffices for it\n  edges/b.csv:2: 3,2\n"))
    let part = try project.read("out/parts/part-0.csv").contains("1,2") ? "part-0.csv" : "part-1.csv"
    #expect(try project.reflow("why", "out/parts/\(part)", "--row", "1").output.contains("edges/a.csv:2: 1,2"))
    let json = try project.reflow("why", "--json", "out/degree.csv", "--row", "1").output
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
    #expect((object?["records"] as? [[String: Any]])?.count == 2 && object?["isExact"] as? Bool == true)

    func refusal(_ arguments: String...) throws -> String {
      let why = try project.run(Workspace.binary, ["why"] + arguments)
      #expect(why.status == 2, "\(arguments)")
      return why.errors
    }
    #expect(try refusal("out/degree.csv", "--row", "3").contains("'degree.csv' has no row 3"))
    #expect(try refusal("out/degree.csv", "--row", "0").contains("rows are counted from 1"))
    #expect(try refusal("out/note", "--row", "1").contains("'note' is no table"))
    #expect(try refusal("out/parts", "--row", "1").contains("name the part that holds the row"))
    #expect(try refusal("out/degre.csv", "--row", "1").contains("did you mean 'degree.csv'?"))
    try project.write("bad.rf", "val Main = 1 +\n")
    let broken = try refusal("out/degree.csv", "--row", "1", "--program", "bad.rf")
    #expect(broken.contains("expected an expression") && !broken.contains("why failed"), "\(broken)")
    try project.write("names.csv", "id,name\n2,bea\n")
    #expect(try refusal("out/degree.csv", "--row", "1").contains("is not up to date: build first, then ask"))
    #expect(try project.read("out/degree.csv") == "name,n\nbob,1\n\"cyd\nlee\",2\n", "nothing is made")
  }

  @Test func `what nothing is known of is said so, with what was probably meant`() throws {
    let project = try project()
    let early = try project.reflow("why", "out/all")
    #expect(early.status == 2 && early.errors.contains("nothing has been built here yet"))
    #expect(try project.build().status == 0)
    let cases = [
      (["why", "out/al"], "no build made an output or a step 'out/al'"),
      (["why", "Joim"], "did you mean 'Join'?"),
      (["why", "Upper"], "'Upper' may be 2 steps: 'Upper[a.txt]', 'Upper[b.txt]'; name one of them"),
      (["why", "unused.txt"], "'unused.txt' was not made by reflow"),
      (["why", "data/a.txt"], "'data/a.txt' is an input; see what depends on it with 'reflow why --input data/a.txt'"),
      (["why", "--input", "unused.txt"], "no build has read 'unused.txt'"),
      (["why"], "name an output or a step"),
      (["why", "out/all", "--input", "data/a.txt"], "name an output or a step"),
    ]
    for (arguments, message) in cases {
      let answer = try project.run(Workspace.binary, arguments)
      #expect(answer.status == 2, "\(arguments)")
      #expect(answer.errors.contains(message), "\(arguments): \(answer.errors)")
    }
  }

  @Test func `status names what is stale and changes nothing`() throws {
    let project = try project()
    #expect(
      try project.reflow("status").output.hasSuffix(
        "status: 3 of 3 steps to run, 1 output to put right; bring them up to date with 'reflow build'\n"))
    #expect(!project.exists("out"))
    #expect(try project.build().status == 0)
    #expect(try project.reflow("status", "--check").output == "status: up to date (3 steps)\n")
    // Elsewhere nothing has been put yet.
    let other = try project.reflow("status", "--out", "other")
    #expect(other.output.contains("missing  all\n") && other.output.contains("0 of 3 steps to run, 4 outputs"))
    #expect(try project.reflow("build", "-n", "--out", "other").errors.contains("would write parts/a.txt\n"))
    try project.write("data/a.txt", "changed\n")
    try project.remove("out/parts/b.txt")
    try project.write("out/plain", "mine\n")
    let before = try project.snapshot("")
    let status = try project.reflow("status", "--check")
    #expect(status.status == 1)
    #expect(status.output.contains("missing  parts/b.txt\n") && status.output.contains("edited   plain\n"))
    #expect(status.output.contains("stale    Upper[a.txt]  input data/a.txt changed\n"))
    #expect(
      status.output.hasSuffix(
        "status: 2 of 3 steps to run, 2 outputs to put right; bring them up to date with 'reflow build'\n"))
    let after = try project.snapshot("")
    for (path, entry) in before where !path.hasPrefix(".reflow/") { #expect(after[path] == entry, "\(path)") }
    let json = try project.reflow("status", "--json").output
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
    #expect(object?["isUpToDate"] as? Bool == false)
    let source = try project.read("main.rf")
    try project.write("main.rf", source + "// A comment.\n")
    #expect(try project.reflow("status").output.hasPrefix("the program changed: main.rf\n"))
    try project.write("main.rf", "val Main = nothing\n")
    let broken = try project.reflow("status")
    #expect(broken.status == 2 && broken.errors.contains("nothing"))
  }

  @Test func `questions wait for nobody and change nothing, also where nothing can be changed`() throws {
    let project = try project()
    #expect(try project.build().status == 0)
    let gate = project.outside("gate")
    let program = Self.program.replacingOccurrences(
      of: "tr a-z", with: "while ! test -e '\(gate)'; do sleep 0.01; done; tr a-z")
    try project.write("main.rf", program)
    let build = try project.start(Workspace.binary, ["build", "--sandbox=off", "-v"])
    build.wait { project.exists(".reflow/logs") && build.errorsSoFar.contains("Upper") }
    for arguments in [
      ["status"], ["status", "--json"], ["why", "out/all"], ["graph"], ["build", "-n"], ["log", "Join"],
    ] {
      let answer = try project.run(Workspace.binary, arguments)
      #expect(answer.status == 0, "\(arguments): \(answer.errors)")
      #expect(!answer.errors.contains("waiting"), "\(arguments): \(answer.errors)")
    }
    try Workspace.writeBytes([], to: gate)
    #expect(build.wait().status == 0)
    if !Sandbox.unprivileged.isEmpty {
      _ = try project.run("chown", ["-R", "65534:65534", project.outside("logs")])
    }
    _ = try project.run("chmod", ["-R", "a-w", ".reflow"])
    defer { _ = try? project.run("chmod", ["-R", "u+w", ".reflow"]) }
    try project.write("data/a.txt", "other\n")
    let before = try project.snapshot(".reflow")
    for arguments in [["status"], ["why", "out/all"], ["why", "--input", "data/a.txt"], ["graph"], ["build", "-n"]] {
      let command = Sandbox.unprivileged + [Workspace.binary] + arguments
      let answer = try project.run(command[0], Array(command.dropFirst()))
      #expect(answer.status == 0, "\(arguments): \(answer.errors)")
      #expect(answer.output + answer.errors != "", "\(arguments)")
    }
    #expect(try project.snapshot(".reflow") == before)
  }

  @Test func `a damaged state is told from none, and left as it is`() throws {
    let project = try project()
    #expect(try project.build().status == 0)
    for suffix in ["-wal", "-shm"] { try? project.remove(".reflow/reflow.db" + suffix) }
    try project.write(".reflow/reflow.db", String(repeating: "no database ", count: 5_000))
    for arguments in [["status"], ["why", "out/all"], ["graph"]] {
      let answer = try project.run(Workspace.binary, arguments)
      #expect(answer.status == 3 || arguments == ["status"] && answer.status == 0, "\(arguments): \(answer.errors)")
      #expect(!project.exists(".reflow/reflow.db.damaged-1"), "\(arguments)")
    }
    #expect(try project.build().status == 0)
  }

  @Test func `graph prints the nodes and edges of the last build in two forms`() throws {
    let project = try project()
    #expect(try project.build().status == 0)
    let dot = try project.reflow("graph").output
    #expect(dot.hasPrefix("digraph reflow {\n") && dot.hasSuffix("}\n"))
    #expect(dot.contains("[label=\"Upper[a.txt]\", shape=box, style=rounded];"))
    let json = try project.reflow("graph", "--format", "json").output
    let graph = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: [[String: Any]]]
    let nodes = graph?["nodes"] ?? []
    #expect(nodes.filter { $0["kind"] as? String == "step" }.count == 3)
    #expect(nodes.filter { $0["kind"] as? String == "output" }.count == 4)
    #expect(
      nodes.filter { $0["kind"] as? String == "source" }.map { $0["label"] as? String ?? "" }.contains("data/a.txt"))
    #expect(graph?["edges"]?.count == 2 + 2 + 4)
    let step = try #require(nodes.first { $0["label"] as? String == "Join" })
    #expect(step["reason"] as? String == "never built")
    #expect((step["key"] as? String)?.count == 12)
    #expect(try project.reflow("graph").output == dot)
    // As `dot` reads it: a header, statements that end with a semicolon and name nodes that are there, a closing brace.
    let lines = dot.split(separator: "\n").map(String.init)
    let declared = Set(
      lines.compactMap { $0.contains(" [label=") ? $0.split(separator: " ").first.map(String.init) : nil })
    #expect(declared.count == nodes.count)
    for line in lines.dropFirst().dropLast() {
      #expect(line.hasSuffix(";"), "\(line)")
      guard line.contains(" -> ") else { continue }
      for end in line.dropLast().components(separatedBy: " -> ") {
        #expect(declared.contains(end.trimmingCharacters(in: .whitespaces)), "\(line)")
      }
    }
  }
}
