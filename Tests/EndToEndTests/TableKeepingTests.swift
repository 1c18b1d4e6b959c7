import Foundation
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
}
