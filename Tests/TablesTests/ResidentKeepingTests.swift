import BuildGraph
import Diagnostics
@testable import Language
import Ports
import Testing

@testable import Storage
@testable import Tables

/// What a process that stays leaves to later ones, of whatever kind: whoever goes on from it comes to what an evaluation from nothing
/// comes to.
@Suite struct ResidentKeepingTests {
  /// A log that others append to, names that come and go with its window, and a file beside it.
  private struct World {
    var random: SplitMix
    var log = Array("src,dst,at\n".utf8)
    var kinds = (0..<6).map { "n\($0),kind\($0)\n" }
    var time = 0
    /// Counts the files that the log was, and the processes that looked at it.
    var generation = 1

    init(seed: UInt64) { random = QueryGenerator(seed: seed).random }

    mutating func next(_ bound: UInt64) -> Int { Int(random.next() % bound) }

    mutating func append(_ lines: Int) {
      for _ in 0..<lines {
        time += next(3)
        let some = (0..<2).map { _ in
          switch next(4) {
          case 0: "n\(next(9))"
          case 1: "again\((time / 40) % 3)-\(next(3))"
          default: "hour\(time / 10)-\(next(4))"
          }
        }
        let at = next(11) == 0 ? max(0, time - next(60)) : time
        log += Array("\(some[0]),\(some[1]),\(at)\n".utf8)
      }
      if next(20) == 0 { kinds[next(6)] = "n\(next(9)),of\(time)\n" }
    }

    /// Another file in the place of the log: begun anew, or changed in the middle, or cut off.
    mutating func replace() {
      generation += 1
      switch next(3) {
      case 0: (log, time) = (Array("src,dst,at\nn1,n2,5\n".utf8), 5)
      case 1:
        let place = log.count / 2
        if let digit = log[place...].firstIndex(where: { $0 == UInt8(ascii: "1") }) { log[digit] = UInt8(ascii: "2") }
      default:
        let end = log.dropLast(20).lastIndex(of: UInt8(ascii: "\n")) ?? 10
        log = Array(log[...end])
      }
    }

    var other: InputFile { InputFile(path: "m1.csv", bytes: Array(("name,kind\n" + kinds.joined()).utf8)) }

    /// As a watch is handed it.
    var followed: InputFile { ForgettingTests.growing(log, generation) }

    /// As a build is handed it.
    func stored(isKnown: Bool) -> InputFile {
      let log = log
      let stored = StoredFile(size: log.count) { offset, buffer throws(SystemError) in
        let part = log[offset...].prefix(buffer.count)
        buffer.copyBytes(from: part)
        return part.count
      }
      return InputFile(path: "m0.csv", stored: stored, digest: isKnown ? Digest(hashing: log) : nil)
    }

    func source(of plan: ForgettingTests.Plans.Element, _ file: InputFile) -> ResidentTables.Source {
      let other = other
      return { (part) throws(TableFailure) in
        guard case .source(let id) = part.reference, case .path(let path) = plan.graph.sources[Int(id.index)].place
        else { throw .input("not a file of the test") }
        return [path.bytes.display.contains("0") ? file : other]
      }
    }

    func expected(_ plan: ForgettingTests.Plans.Element) throws -> TableWriter.Output {
      try Tables.Evaluation(source(of: plan, InputFile(path: "m0.csv", bytes: log))).output(of: plan.relation, .csv)
    }
  }

  private static func shelf(_ folder: StateFolder, _ key: Digest) -> TraceShelf? {
    (try? FolderTraceStorage(stateFolder: folder.path, version: "1").open(key)).map { TraceShelf($0) }
  }

  private static func watch(_ folder: StateFolder) -> ResidentTables {
    ResidentTables(census: (16, 256)) { shelf(folder, $0) }
  }

  /// One round of a watch.
  ///
  /// - Returns: how many dataflows went on from what was left.
  private static func round(
    _ kept: ResidentTables, _ plans: ForgettingTests.Plans, _ world: World, _ comment: String
  ) throws -> Int {
    var resumed = 0
    for plan in plans {
      let output = try kept.output(
        of: plan.relation, .csv, with: plans.map(\.relation), while: { true }, world.source(of: plan, world.followed))
      if kept.hasResumed { resumed += 1 }
      #expect(try output == world.expected(plan), "\(plan.path), \(comment)")
    }
    return resumed
  }

  /// A build: each relation once, together with those that it has much in common with.
  private static func build(
    _ folder: StateFolder, _ plans: ForgettingTests.Plans, _ world: World, isKnown: Bool, _ comment: String
  ) throws -> [SingleTable.Way] {
    var tables: [Digest: SingleTable] = [:]
    var ways: [SingleTable.Way] = []
    for plan in plans {
      let group = plan.relation.together(with: plans.map(\.relation))
      let table = tables[group[0].key] ?? SingleTable(group, on: shelf(folder, group[0].key))
      tables[group[0].key] = table
      var files: [Relation.Input: [InputFile]] = [:]
      for input in plan.relation.inputs {
        files[input] = try world.source(of: plan, world.stored(isKnown: isKnown))(input)
      }
      let output = try table.output(.csv, of: plan.relation, files, while: { true })
      #expect(try output == world.expected(plan), "\(plan.path), \(comment)")
      #expect(table.keep() == nil)
      ways.append(table.way)
    }
    return ways
  }

  private static func keepAll(_ kept: ResidentTables) -> ResidentTables.Kept {
    kept.keep(leastBytes: 0, while: { true }) {
      $0()
      return true
    }
  }

  @Test(arguments: 0..<5)
  func `watches and builds go on from what each other left, and come to what is made from nothing`(_ seed: Int) throws {
    let promised = seed % 3 != 2
    let program = promised ? ForgettingTests.program : ForgettingTests.program.replacing(", append := true", with: "")
    let folder = StateFolder()
    var world = World(seed: UInt64(seed) &+ 900)
    world.append(40)
    var resumed = 0
    for process in 0..<8 {
      // Each process makes its relations itself, and knows nothing but what is in the folder.
      let plans = try ForgettingTests.plans(program)
      world.generation += 1
      if seed > 4, world.next(4) == 0 { world.replace() }
      world.append(world.next(8))
      guard world.next(3) > 0 else {
        let ways = try Self.build(folder, plans, world, isKnown: seed % 2 == 0, "build \(process)")
        resumed += ways.count { $0 == .resumed }
        #expect(!ways.contains(.evaluated))
        continue
      }
      let kept = Self.watch(folder)
      for round in 0..<1 + world.next(12) {
        resumed += try Self.round(kept, plans, world, "round \(round) of process \(process)")
        // Quiet for a while: some pieces are stored, or all.
        var pieces = world.next(60)
        _ = kept.keep(leastBytes: 0) {
          pieces -= 1
          return pieces >= 0
        } locked: { body in
          body()
          return true
        }
        world.append(world.next(9))
        if seed > 4, world.next(30) == 0 { world.replace() }
      }
      // Now and then it is killed.
      if world.next(4) > 0 {
        _ = try Self.round(kept, plans, world, "the last round of process \(process)")
        #expect(Self.keepAll(kept) == .all)
      }
      #expect(kept.work.evaluations == 0)
    }
    #expect(resumed >= 2)
  }

  @Test func `what a watch left is used by the next one as it is, and costs what was added`() throws {
    let folder = StateFolder()
    var world = World(seed: 17)
    world.append(3_000)
    let first = Self.watch(folder)
    let plans = try ForgettingTests.plans(ForgettingTests.program)
    _ = try Self.round(first, plans, world, "first")
    #expect(Self.keepAll(first) == .all)
    world.generation += 1
    world.append(3)
    let second = Self.watch(folder)
    // All but one relation rest on the same files, and have more in common.
    let groups = Set(plans.map { $0.relation.together(with: plans.map(\.relation))[0].key }).count
    #expect(groups < plans.count)
    #expect(try Self.round(second, try ForgettingTests.plans(ForgettingTests.program), world, "second") == groups)
    #expect(second.work.parsedBytes < 400)
    #expect(second.work.changedRows <= 3 * groups + 2)
    #expect(10 * second.work.touchedRecords < first.work.touchedRecords)
    // And a build from that.
    #expect(Self.keepAll(second) == .all)
    world.append(2)
    let ways = try Self.build(folder, plans, world, isKnown: true, "build")
    #expect(ways.allSatisfy { $0 == .resumed || $0 == .together }, "\(ways)")
  }

  /// A kill leaves the old manifest with any part of the new files, or the new one with old files that were to go.
  @Test(arguments: 0..<3)
  func `a kill while a watch keeps its tables leaves the old state or the new`(_ seed: Int) throws {
    let folder = StateFolder()
    var world = World(seed: UInt64(seed) &+ 40)
    world.append(60)
    let plans = try ForgettingTests.plans(ForgettingTests.program)
    let kept = Self.watch(folder)
    _ = try Self.round(kept, plans, world, "first")
    #expect(Self.keepAll(kept) == .all)
    for round in 0..<4 {
      let before = try folder.contents()
      world.append(1 + world.next(9))
      _ = try Self.round(kept, plans, world, "round \(round)")
      #expect(Self.keepAll(kept) == .all)
      let after = try folder.contents()
      let new = after.keys.filter { before[$0] == nil }.sorted { $0.display < $1.display }
      #expect(!new.isEmpty)
      let other = StateFolder()
      func moved(_ contents: [ByteString: [UInt8]]) -> [ByteString: [UInt8]] {
        var result: [ByteString: [UInt8]] = [:]
        for (path, bytes) in contents {
          result[other.path + ByteString(bytes: Array(path.bytes.dropFirst(folder.path.count)))] = bytes
        }
        return result
      }
      for cut in 0...new.count {
        var contents = before
        for (index, path) in new.prefix(cut + 1).enumerated() {
          let bytes = after[path] ?? []
          contents[path] = index == cut ? Array(bytes.prefix(bytes.count / 2)) : bytes
        }
        try other.replace(with: moved(contents))
        let ways = try Self.build(other, plans, world, isKnown: true, "cut \(cut) of round \(round)")
        #expect(ways.allSatisfy { $0 == .resumed || $0 == .together }, "\(ways)")
      }
      try other.replace(with: moved(before.merging(after) { _, new in new }))
      let ways = try Self.build(other, plans, world, isKnown: true, "round \(round)")
      #expect(ways.allSatisfy { $0 == .resumed || $0 == .together }, "\(ways)")
    }
  }

  @Test func `who finds that another process has kept a table meanwhile leaves it as it is`() throws {
    let folder = StateFolder()
    var world = World(seed: 77)
    world.append(60)
    let plans = try ForgettingTests.plans(ForgettingTests.program)
    let kept = Self.watch(folder)
    _ = try Self.round(kept, plans, world, "first")
    #expect(Self.keepAll(kept) == .all)
    world.append(3)
    _ = try Self.round(kept, plans, world, "second")
    // Some is stored, and then the state is another's for a while.
    var pieces = 12
    let some = kept.keep(leastBytes: 0) {
      pieces -= 1
      return pieces >= 0
    } locked: { _ in
      false
    }
    #expect(some != .all)
    world.append(2)
    _ = try Self.build(folder, plans, world, isKnown: true, "another")
    let contents = try folder.contents()
    _ = try Self.round(kept, plans, world, "third")
    #expect(Self.keepAll(kept) == .all)
    kept.abandon()
    #expect(try folder.contents() == contents)
    world.append(2)
    _ = try Self.round(kept, plans, world, "fourth")
    let ways = try Self.build(folder, plans, world, isKnown: true, "last")
    #expect(ways.allSatisfy { $0 == .resumed || $0 == .together }, "\(ways)")
  }
}
