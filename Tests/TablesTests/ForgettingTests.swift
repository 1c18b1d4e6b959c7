import BuildGraph
import Diagnostics
@testable import Language
import Testing

@testable import Storage
@testable import Tables

/// What a process that stays forgets: strings that no row has any more, and rows behind windows, also of what an earlier process has
/// left.
@Suite struct ForgettingTests {
  /// Names come and go with the window; some are put together by the program, some are its own, and some stand in a file that stays.
  static let program = """
    val lists = make("$/lists")
    val strings = make("$/strings")
    type Row {src, dst string, at int}
    val Rows = table(file("m0.csv"), append := true) {src, dst string, at int}
    val Kinds = table(file("m1.csv")) {name, kind string}
    val Clock = [{at: max([r.at | r <- g.rows])} | g <- group(Rows, func(r {at int}) => 0)]
    val Recent = [r | r <- Rows, c <- Clock, if r.at > c.at - 30]
    val Pairs = distinct([{pair: r.src + " to " + r.dst, src: r.src} | r <- Recent])
    val Degree = [{node: g.key, n: len(g.rows), last: max([r.dst | r <- g.rows]), all: strings.Join([r.dst | r <- g.rows], "+")} |
      g <- group(Recent, func(r {src string}) => r.src)]
    val Tops = [{key: g.key, pair: p.pair + "!"} | g <- group(Pairs, func(p {src string}) => p.src),
      p <- lists.Take(lists.SortBy(g.rows, func(r {pair string}) => r.pair), 1)]
    val Known = [{a: r.src, kind: if r.dst == "n7" { "seven" } else { k.kind }, at: r.at} | r <- Recent, k <- Kinds, if r.src == k.name]
    val Reached = fixpoint(distinct([{node: r.src, from: r.src} | r <- Recent]), func(seen table {node, from string}) =>
      distinct(seen + [{node: r.dst, from: s.from} | s <- seen, r <- Recent, if r.src == s.node && s.from < r.dst + "z"]))
    val Main = {pairs: Pairs, degree: Degree, tops: Tops, known: Known, reached: Reached}

    """

  typealias Plans = [(path: String, relation: Relation, graph: FlowGraph)]

  static func plans(_ program: String) throws -> Plans {
    let plans = SQLiteTests.relations(program).map { ($0, $1.relation, $1.graph) }
    try #require(!plans.isEmpty)
    return plans.sorted { $0.0 < $1.0 }
  }

  static func growing(_ log: [UInt8], _ generation: Int) -> InputFile {
    InputFile(
      path: "m0.csv",
      growing: GrowingFile(size: log.count, generation: generation) { range in
        Array(log[min(range.lowerBound, log.count)..<min(range.upperBound, log.count)])
      })
  }

  @Test(arguments: [0, 3, 4, 5])
  func `strings that no row has any more are forgotten, and tables are what they are from nothing`(_ seed: Int) throws {
    let plans = try Self.plans(Self.program)
    let all = plans.map(\.relation)
    try #require(all.count == 5)
    var random = QueryGenerator(seed: UInt64(seed) &+ 300).random
    // A census at every turn, a small piece at a time; once in what is usual, where there are too few strings for one.
    let kept = ResidentTables(census: seed == 5 ? (1 << 16, 1 << 23) : (16, 64 << seed))
    var (log, generation, time) = (Array("src,dst,at\n".utf8), 1, 0)
    var kinds = (0..<6).map { "n\($0),kind\($0)\n" }
    var names: Set<String> = []
    var most = 0
    for round in 0..<160 {
      for _ in 0..<1 + random.next() % 4 {
        time += Int(random.next() % 3)
        // Names of the hour, names that come again after they were forgotten, and names that stay.
        let some = (0..<2).map { _ in
          switch random.next() % 4 {
          case 0: "n\(random.next() % 9)"
          case 1: "again\((time / 40) % 3)-\(random.next() % 3)"
          default: "hour\(time / 10)-\(random.next() % 4)"
          }
        }
        names.formUnion(some)
        let at = random.next() % 11 == 0 ? max(0, time - Int(random.next() % 60)) : time
        log += Array("\(some[0]),\(some[1]),\(at)\n".utf8)
      }
      if random.next() % 20 == 0 { kinds[Int(random.next() % 6)] = "n\(random.next() % 9),of\(round)\n" }
      if seed == 3, round == 80 {
        // Another file in its place, with an earlier clock: what was forgotten matters again.
        (log, time, generation) = (Array("src,dst,at\nn1,n2,5\n".utf8), 5, 2)
      }
      let other = InputFile(path: "m1.csv", bytes: Array(("name,kind\n" + kinds.joined()).utf8))
      for plan in plans {
        func source(_ followed: InputFile) -> ResidentTables.Source {
          { (part) throws(TableFailure) in
            guard case .source(let id) = part.reference, case .path(let path) = plan.graph.sources[Int(id.index)].place
            else { throw .input("not a file of the test") }
            return [path.bytes.display.contains("0") ? followed : other]
          }
        }
        let output = try kept.output(
          of: plan.relation, .csv, with: all, while: { true }, source(Self.growing(log, generation)))
        let evaluation = Tables.Evaluation(source(InputFile(path: "m0.csv", bytes: log)))
        #expect(try output == evaluation.output(of: plan.relation, .csv), "\(plan.path) in round \(round)")
      }
      if round > 40 { most = max(most, kept.held.strings) }
    }
    #expect(kept.work.evaluations == 0)
    // Up to some 60 names at a time, and what is put together of them; the program makes thousands.
    if seed != 5, seed != 3 { #expect(most < 1_500, "\(most) strings of \(names.count) names in \(time) seconds") }
    if seed == 5 { #expect(kept.held.strings > 1_500, "or there is nothing to forget") }
  }

  /// Rows and names in proportion to a window: whoever resumes has them in proportion to the window too, after a while.
  @Test(arguments: 0..<4)
  func `a watch that goes on from what a build has left forgets what lies behind its windows`(_ seed: Int) throws {
    let program = """
      val Rows = table(file("m0.csv"), append := true) {name string, at int}
      val Clock = [{at: max([r.at | r <- g.rows])} | g <- group(Rows, func(r {at int}) => 0)]
      val Recent = [r | r <- Rows, c <- Clock, if r.at > c.at - 50]
      val Main = {recent: [{name: g.key + "!", n: len(g.rows)} | g <- group(Recent, func(r {name string}) => r.name)]}

      """
    let plan = try #require(try Self.plans(program).first)
    let folder = StateFolder()
    var random = QueryGenerator(seed: UInt64(seed) &+ 500).random
    var (log, time) = ("name,at\n", 0)
    func write(_ count: Int) {
      for _ in 0..<count {
        time += 1
        log += "of\(time / 7),\(random.next() % 9 == 0 ? max(0, time - 80) : time)\n"
      }
    }
    write(8_000)
    // In one case the last record has no end yet, and in one nothing follows it.
    if seed == 1 { log += "of1,\(time + 1)" }
    for _ in 0..<2 {
      let store = try FolderTraceStorage(stateFolder: folder.path, version: "1").open(plan.relation.key)
      let table = SingleTable(plan.relation, on: TraceShelf(store))
      let files = Dictionary(
        uniqueKeysWithValues: plan.relation.inputs.map { ($0, [InputFile(path: "m0.csv", bytes: Array(log.utf8))]) })
      _ = try table.output(.csv, files, while: { true })
      #expect(table.keep() == nil)
      if seed > 1 { write(40) }
    }
    let store = try FolderTraceStorage(stateFolder: folder.path, version: "1").open(plan.relation.key)
    let kept = ResidentTables(census: (16, 1 << 12)) { _ in TraceShelf(store) }
    if seed == 1 { log += "7\n" }
    if seed == 3 {
      // Somebody has begun the file anew: nothing of what was left holds.
      (log, time) = ("name,at\n", 0)
      write(300)
    }
    var held: [Int] = []
    for round in 0..<60 {
      if round > 0 { write(20) }
      let bytes = Array(log.utf8)
      let output = try kept.output(of: plan.relation, .csv, while: { true }) { _ in [Self.growing(bytes, 1)] }
      let evaluation = Tables.Evaluation { _ in [InputFile(path: "m0.csv", bytes: bytes)] }
      #expect(try output == evaluation.output(of: plan.relation, .csv), "round \(round)")
      if round == 0, seed != 3 { #expect(kept.hasResumed) }
      held.append(kept.heldRecords)
    }
    #expect(kept.work.evaluations == 0)
    if seed != 3 {
      #expect(held[0] > 8_000, "a build that ends keeps all")
      #expect(try #require(held.last) < 1_500, "\(held)")
    }
  }

  /// Strings that are let go leave the others as they are, in a dictionary by itself.
  @Test func `numbers of strings that have gone are given again, and no others`() throws {
    var random = QueryGenerator(seed: 8).random
    let strings = StringDictionary()
    strings.keepsForGood = true
    let own = strings.intern(Array("own".utf8))
    strings.keepsForGood = false
    var known: [String: UInt64] = [:]
    var mostBytes = 0
    for round in 0..<60 {
      for number in 0..<1_500 {
        let text = "string \(round) of \(number)" + String(repeating: "x", count: Int(random.next() % 40))
        known[text] = strings.intern(Array(text.utf8))
      }
      #expect(Set(known.values).count == known.count, "one number for each")
      // Most of the old ones go, now and then all.
      let isKept = random.next() % 6
      known = known.filter { _ in isKept > 0 && random.next() % 4 == 0 }
      strings.beginNoting()
      Array(known.values).withUnsafeBufferPointer(strings.noteInUse)
      let asked = strings.intern(Array("asked for meanwhile".utf8))
      strings.letGo(0..<strings.ownCount)
      strings.endNoting()
      strings.moveTogether(0..<strings.ownCount)
      #expect(strings.liveCount <= known.count + 2)
      #expect(strings.intern(Array("own".utf8)) == own)
      #expect(String(decoding: strings.bytes(asked), as: UTF8.self) == "asked for meanwhile")
      for (text, number) in known {
        #expect(String(decoding: strings.bytes(number), as: UTF8.self) == text)
        #expect(strings.intern(Array(text.utf8)) == number)
      }
      if round > 20 { mostBytes = max(mostBytes, strings.heldBytes) }
    }
    // Some 2,000 strings of 60 bytes at most at a time, of 90,000.
    #expect(mostBytes < 3 << 20)
  }
}
