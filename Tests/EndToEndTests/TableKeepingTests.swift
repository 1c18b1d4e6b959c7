import Foundation
import Glibc
import Testing

/// What tables keep from one build to the next: large ones cost what changes, whatever became of what was kept.
@Suite struct TableKeepingTests {
  private static let program = """
    val Orders = table(file("orders.csv")) {customer string, amount int}
    val Main = {totals: [{customer: g.key, total: sum([r.amount | r <- g.rows])} |
      g <- group(Orders, func(o {customer string}) => o.customer)]}

    """

  private static let count = 60_000

  private static func order(_ number: Int) -> String {
    let customer = String(number % 5_000)
    return "customer-\(String(repeating: "0", count: 6 - customer.count))\(customer),\(number % 97)\n"
  }

  private static func project() throws -> Workspace {
    try Workspace(
      fixture: nil,
      ["main.rf": program, "orders.csv": "customer,amount\n" + (0..<count).map(order).joined()])
  }

  /// What a build from nothing makes of the same files.
  private static func fromNothing(_ project: Workspace) throws -> [String: String] {
    let other = try Workspace(
      fixture: nil, ["main.rf": try project.read("main.rf"), "orders.csv": try project.read("orders.csv")])
    try #require(try other.build().status == 0)
    return try other.texts()
  }

  private static func edit(_ project: Workspace, _ number: Int, to amount: Int) throws {
    let old = order(number)
    let new = old.replacingOccurrences(of: ",\(number % 97)\n", with: ",\(amount)\n")
    let text = try project.read("orders.csv")
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    lines[number + 1] = new.dropLast()
    try project.write("orders.csv", lines.joined(separator: "\n"))
  }

  private static func notes(_ build: Build) -> [String] {
    build.events.filter { $0.id == "table.kept" }.compactMap(\.message)
  }

  /// The number before a word.
  private static func number(_ note: String, before word: String) -> Int? {
    let words = note.split(separator: " ")
    return words.firstIndex(of: Substring(word)).flatMap { $0 > 0 ? Int(words[$0 - 1]) : nil }
  }

  @Test func `a build after an edit touches few records, and says so to who asks`() throws {
    let project = try Self.project()
    let first = try project.build("-v")
    try #require(first.status == 0, "\(first.errors)")
    #expect(first.errors.contains("note: orders.csv: made from nothing"), "\(first.errors)")
    for (round, record) in [30_000, 17, 59_999].enumerated() {
      try Self.edit(project, record, to: 1_000 + round)
      let build = try project.build()
      #expect(build.status == 0, "\(build.errors)")
      #expect(!build.errors.contains("went on"), "it is said with -v only")
      let note = try #require(Self.notes(build).first)
      #expect(note.hasPrefix("orders.csv: went on from the last build; parsed "), "\(note)")
      #expect(try #require(Self.number(note, before: "rows")) == 2, "\(note)")
      #expect(try #require(Self.number(note, before: "records")) < 200, "\(note)")
      #expect(try #require(Self.number(note, before: "bytes")) < 400_000, "\(note)")
      #expect(try project.texts() == Self.fromNothing(project))
    }
  }

  @Test func `a small table keeps nothing`() throws {
    let project = try Workspace(fixture: nil, ["main.rf": Self.program, "orders.csv": "customer,amount\na,1\n"])
    let build = try project.build()
    #expect(build.status == 0)
    #expect(Self.notes(build) == [])
    #expect(!project.exists(".reflow/traces"))
  }

  @Test func `what was damaged or removed is made from nothing, without an error`() throws {
    let project = try Self.project()
    try #require(try project.build().status == 0)
    let damages = [
      "rm -r .reflow/traces",
      "for f in .reflow/traces/*/*.seg; do printf x | dd of=$f bs=1 seek=700 conv=notrunc; done",
      "for f in .reflow/traces/*/manifest; do truncate -s -1 $f; done", "rm .reflow/traces/*/*.seg",
    ]
    for (round, damage) in damages.enumerated() {
      _ = try project.run("sh", ["-c", damage])
      try Self.edit(project, 100 + round, to: 7_000)
      let build = try project.build()
      #expect(build.status == 0, "\(damage): \(build.errors)")
      #expect(build.errors == "" || !build.errors.contains("error"), "\(build.errors)")
      #expect(Self.notes(build).contains { $0.contains("made from nothing") }, "\(damage): \(Self.notes(build))")
    }
    #expect(try project.texts() == Self.fromNothing(project))
  }

  @Test func `damage is found by verify, and what no program names goes when the state is pruned`() throws {
    let project = try Self.project()
    try #require(try project.build().status == 0)
    #expect(try project.reflow("verify").status == 0)
    _ = try project.run(
      "sh", ["-c", "f=$(ls .reflow/traces/*/*.seg | head -n 1); printf xyz | dd of=$f bs=1 seek=70 conv=notrunc"])
    let verify = try project.reflow("verify")
    #expect(verify.status == 1)
    #expect(verify.output.contains("keeps for the next build is damaged: its content is another"), "\(verify.output)")
    #expect(try project.reflow("verify", "--repair").status == 0)
    #expect(try project.reflow("verify").status == 0)

    try Self.edit(project, 5, to: 8_000)
    try #require(try project.build().status == 0)
    #expect(try project.reflow("prune", "--keep-builds", "1").output.contains("kept table") == false)
    try Self.edit(project, 6, to: 9_000)
    #expect(try Self.notes(project.build()).allSatisfy { $0.contains("went on") })
    // A limit that is not held without it.
    let prune = try project.reflow("prune", "--max-size", "100K")
    #expect(prune.output.contains("1 kept table"), "\(prune.output)")
    // Of another program, when its graph has gone.
    try Self.edit(project, 7, to: 9_000)
    try #require(try project.build().status == 0)
    #expect(try project.snapshot(".reflow/traces").isEmpty == false)
  }

  @Test func `a watch goes on from what the last build left`() throws {
    let project = try Self.project()
    try #require(try project.build().status == 0)
    try Self.edit(project, 1_234, to: 5_000)
    let watch = try Watch(on: project)
    defer { _ = watch.end() }
    let build = watch.take()
    #expect(Self.notes(build).contains { $0.contains("went on from the last build") }, "\(Self.notes(build))")
    #expect(try project.texts() == Self.fromNothing(project))
  }

  // MARK: Watches

  private static let logProgram = """
    val Rows = table(file("log.csv"), append := true) {src, dst, at int}
    val Clock = [{at: max([r.at | r <- g.rows])} | g <- group(Rows, func(r {at int}) => 0)]
    val Recent = [r | r <- Rows, c <- Clock, if r.at > c.at - 50]
    val Reached = fixpoint(distinct([{node: r.src, from: r.src} | r <- Recent]), func(seen table {node, from int}) =>
      distinct(seen + [{node: r.dst, from: s.from} | s <- seen, r <- Recent, if r.src == s.node]))
    val Pairs = [{a: r.src, b: s.dst} | r <- distinct(Recent), s <- distinct(Recent), if r.dst == s.src]
    val Main = {reached: Reached, pairs: Pairs, upto: Clock}

    """

  private static func lines(_ range: Range<Int>) -> String {
    range.map { "\(1_000_000 + $0 * 7 % 40),\(1_000_000 + $0 * 11 % 40),\($0)\n" }.joined()
  }

  private static func log() throws -> Workspace {
    try Workspace(fixture: nil, ["main.rf": logProgram, "log.csv": "src,dst,at\n" + lines(0..<50_000)])
  }

  /// What a build from nothing makes of the same files.
  private static func logFromNothing(_ project: Workspace) throws -> [String: String] {
    let other = try Workspace(
      fixture: nil, ["main.rf": try project.read("main.rf"), "log.csv": try project.read("log.csv")])
    try #require(try other.build().status == 0)
    return try other.texts()
  }

  /// How often something has been kept for a later process.
  private static func manifests(_ project: Workspace) -> Set<String> {
    let folder = project.path(".reflow/traces")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return Set(
      names.compactMap { name in
        let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)/manifest")
        return (attributes?[.systemFileNumber] as? Int).map { "\(name) \($0)" }
      })
  }

  /// Waits until a watch has left something new.
  private static func waitUntilKept(_ watch: Watch, beside old: Set<String> = []) throws {
    watch.process.wait(limit: 120) { manifests(watch.project).subtracting(old).isEmpty == false }
    try #require(manifests(watch.project).subtracting(old).isEmpty == false, "nothing is left")
  }

  @Test(arguments: [SIGINT, SIGKILL])
  func `a watch that is quiet leaves what the next build goes on from`(_ signal: Int32) throws {
    let project = try Self.project()
    let watch = try Watch(on: project)
    try Self.waitUntilKept(watch)
    let first = Self.manifests(project)
    _ = watch.take()
    // One change: what is kept next is kept of all of it.
    let lines = (0..<Self.count).map { $0 % 150 == 0 ? Self.order($0 + 1) : Self.order($0) }
    try project.write("next.csv", "customer,amount\n" + lines.joined())
    try #require(try project.run("mv", ["next.csv", "orders.csv"]).status == 0)
    _ = try watch.catchUp()
    try Self.waitUntilKept(watch, beside: first)
    _ = watch.end(signal)
    try Self.edit(project, 31_234, to: 5_000)
    let build = try project.build()
    let note = try #require(Self.notes(build).first, "\(build.errors)")
    #expect(note.contains("went on from the last build"), "\(note)")
    #expect(try #require(Self.number(note, before: "rows")) == 2, "\(note)")
    #expect(try #require(Self.number(note, before: "records")) < 200, "\(note)")
    #expect(try project.texts() == Self.fromNothing(project))
  }

  @Test func `tables that are kept together go on from watch to watch, and to a build, by what was added`() throws {
    let project = try Self.log()
    let watch = try Watch(on: project)
    let first = try #require(watch.take().summary)
    #expect(first.status == "succeeded")
    try Self.waitUntilKept(watch)
    #expect(Self.manifests(project).count == 1, "the tables are kept together")
    _ = watch.end()

    try project.append(Self.lines(50_000..<50_003), to: "log.csv")
    let second = try Watch(on: project)
    let notes = Self.notes(second.take())
    let note = try #require(notes.first, "\(notes)")
    #expect(note.contains("went on from the last build"), "\(note)")
    #expect(try #require(Self.number(note, before: "bytes,")) < 200, "\(note)")
    #expect(try #require(Self.number(note, before: "rows")) == 3, "\(note)")
    #expect(try project.texts() == Self.logFromNothing(project))
    let before = Self.manifests(project)
    try project.append(Self.lines(50_003..<50_013), to: "log.csv")
    _ = try second.catchUp()
    try Self.waitUntilKept(second, beside: before)
    _ = second.end()

    try project.append(Self.lines(50_013..<50_014), to: "log.csv")
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    let ways = Self.notes(build)
    #expect(ways.count { $0.contains("went on from the last build") } == 1, "\(ways)")
    #expect(ways.contains { $0.contains("made together with another table") }, "\(ways)")
    #expect(!ways.contains { $0.contains("from nothing") }, "\(ways)")
    let resumed = try #require(ways.first { $0.contains("went on") })
    #expect(try #require(Self.number(resumed, before: "rows")) == 1, "\(resumed)")
    #expect(try project.texts() == Self.logFromNothing(project))

    // And a watch from what that build left.
    let third = try Watch(on: project)
    try project.append(Self.lines(50_014..<50_015), to: "log.csv")
    _ = try third.catchUp()
    #expect(Self.notes(third.take()).contains { $0.contains("went on from the last build") })
    #expect(try project.texts() == Self.logFromNothing(project))
    // Another file in the place of the log: nothing of what was left holds.
    _ = third.end()
    try project.write("log.csv", "src,dst,at\n" + Self.lines(100..<49_000))
    #expect(try project.build().status == 0)
    #expect(try project.texts() == Self.logFromNothing(project))
  }

  @Test func `a watch that ends at once after a change leaves the old state or the new`() throws {
    let project = try Self.project()
    try #require(try project.build().status == 0)
    for round in 0..<3 {
      let watch = try Watch(on: project)
      try Self.edit(project, 777 * (round + 1), to: 6_000 + round)
      if round > 0 { _ = try watch.catchUp() }
      #expect(watch.end().status == 130)
      try Self.edit(project, 500 * (round + 1), to: 4_000 + round)
      let build = try project.build()
      #expect(Self.notes(build).contains { $0.contains("went on from the last build") }, "\(Self.notes(build))")
      #expect(try project.texts() == Self.fromNothing(project))
    }
  }
}
