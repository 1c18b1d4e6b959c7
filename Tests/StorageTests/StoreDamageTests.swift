import BuildGraph
import CSQLite
import Diagnostics
import Glibc
import Ports
import Testing

@testable import Storage

/// A state that is easy to tell: after commit n, everything in it is of n.
struct History {
  static func changes(_ number: Int) -> [StoreChange] {
    let artifact = Artifact(digest: digest(number), size: Int64(number))
    return [
      .setSource(Path("s"), Observation(artifact: artifact, hint: StoreRoundTripTests.hint, isTrusted: true)),
      .setResult(contentKey: digest(-1), StoreRoundTripTests.result(number)),
      .setResult(contentKey: digest(number), StoreRoundTripTests.result(number)),
      .setOutput(OwnedOutput(path: "o", owner: "p", artifact: artifact, hint: nil)),
      .setGraph(key: digest(-2), pages: [.header: [UInt8](repeating: UInt8(number), count: 3_000)]),
    ]
  }

  /// The numbers that a store shows, each part's own; nil where a part is empty.
  static func seen(in store: SQLiteStore, upTo limit: Int) throws -> [Int?] {
    func number(_ found: Digest?) -> Int? { found.flatMap { found in (0...limit).first { digest($0) == found } } }
    let results = try store.results(for: [digest(-1)] + (0...limit).map { digest($0) })
    let newest = (0...limit).last { results[digest($0)] != nil }
    // No result is missing below the newest one.
    if let newest { #expect(results.count == newest + 2) }
    return [
      number(try store.sources()[Path("s")]?.artifact.digest), number(results[digest(-1)]?.outputs.first?.digest),
      newest,
      try store.graphPages(of: digest(-2), [.header])[.header].map { Int($0[0]) },
    ]
  }
}

@Suite("A damaged or interrupted state", .serialized)
struct StoreDamageTests {
  let folder = TemporaryFolder()
  static let last = 7

  func open(_ name: String = ".reflow", vfs: String? = nil) throws -> SQLiteStore {
    try SQLiteStore(in: folder[name], options: SQLiteStore.Options(vfs: vfs, busyTimeoutMilliseconds: 1))
  }

  /// The files of a state as they are on disk at this moment, copied as a crash would leave them.
  func copyState(_ source: String, to target: String, file: [UInt8]? = nil, log: [UInt8]? = nil) throws {
    try? folder.remove(target)
    try folder.write(target + "/reflow.db", file ?? folder.read(source + "/reflow.db") ?? [])
    if let log = try log ?? folder.read(source + "/reflow.db-wal") { try folder.write(target + "/reflow.db-wal", log) }
    try folder.write(target + "/reflow.db.open", "")
  }

  func makeHistory() throws -> SQLiteStore {
    let store = try open()
    for number in 0...Self.last {
      try store.commit(History.changes(number))
      if number == 3 { try store.database.checkpoint() }
    }
    return store
  }

  /// Old or new, or set aside: never mixed, never a crash.
  func expectWhole(_ name: String, _ what: @autoclosure () -> String) throws {
    let store = try open(name)
    let first = try History.seen(in: store, upTo: Self.last)
    let second = try History.seen(in: store, upTo: Self.last)
    if store.notices.isEmpty {
      #expect(Set(second).count == 1, "\(what()): \(second)")
      #expect(first == second)
    } else {
      #expect(second == [nil, nil, nil, nil], "\(what()): \(second)")
      #expect(try folder.status(name + "/reflow.db.damaged-1") != nil)
      #expect(store.notices.allSatisfy { $0.contains("set aside as") && $0.contains("begun anew") })
    }
    // It can be used, whatever it went through.
    try store.commit(History.changes(0))
    store.close()
    #expect(try open(name).notices.isEmpty)
  }

  @Test func aCopyAtEachCommitIsThatCommit() throws {
    let store = try open()
    for number in 0...Self.last {
      try store.commit(History.changes(number))
      try copyState(".reflow", to: "copy")
      let copy = try open("copy")
      #expect(try History.seen(in: copy, upTo: Self.last) == [number, number, number, number])
      #expect(copy.notices.isEmpty)
      copy.close()
    }
  }

  @Test func aLogThatIsCutAnywhereGivesAnEarlierCommit() throws {
    let store = try makeHistory()
    let log = try #require(try folder.read(".reflow/reflow.db-wal"))
    store.close()
    var seen: Set<Int?> = []
    for length in Array(stride(from: 0, to: log.count, by: 1_013))
      + Array(stride(from: 32, through: log.count, by: 4_120))
    {
      try copyState(".reflow", to: "copy", log: Array(log[..<length]))
      let copy = try open("copy")
      let numbers = try History.seen(in: copy, upTo: Self.last)
      #expect(Set(numbers).count == 1 && copy.notices.isEmpty, "cut at \(length): \(numbers)")
      seen.insert(numbers[0])
      copy.close()
    }
    #expect(seen == [3, 4, 5, 6, 7])
  }

  @Test func aFileThatIsCutAnywhereIsWholeOrSetAside() throws {
    let store = try makeHistory()
    let log = try #require(try folder.read(".reflow/reflow.db-wal"))
    let short = try #require(try folder.read(".reflow/reflow.db"))
    try store.database.checkpoint()
    let long = try #require(try folder.read(".reflow/reflow.db"))
    store.close()
    for (file, log) in [(short, log), (long, [])] {
      for length in stride(from: 0, to: file.count, by: 4_096) {
        for length in [length, length + 1_000] where length < file.count {
          try copyState(".reflow", to: "copy", file: Array(file[..<length]), log: log)
          try expectWhole("copy", "cut at \(length) of \(file.count), log of \(log.count)")
        }
      }
    }
  }

  @Test func flippedBitsAreSeenOrHarmless() throws {
    let store = try makeHistory()
    try store.database.checkpoint()
    let file = try #require(try folder.read(".reflow/reflow.db"))
    store.close()
    var random = SeededGenerator(seed: 11)
    var setAside = 0
    for page in stride(from: 0, to: file.count, by: 4_096) {
      for _ in 0..<4 {
        var damaged = file
        for _ in 0..<8 {
          damaged[page + Int.random(in: 0..<4_096, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        try copyState(".reflow", to: "copy", file: damaged, log: [])
        let store: SQLiteStore
        do { store = try open("copy") } catch {
          // The version in the header may have become a newer one: then nothing is touched.
          #expect((error as? SystemError)?.code == .newerVersion)
          continue
        }
        let numbers = try History.seen(in: store, upTo: Self.last)
        if !store.notices.isEmpty { setAside += 1 }
        #expect(numbers.allSatisfy { $0 == nil || $0 == Self.last }, "page \(page / 4_096): \(numbers)")
        store.close()
      }
    }
    #expect(setAside > 10)
  }

  @Test func ownershipIsKeptWhereItsSealHolds() throws {
    let store = try makeHistory()
    try store.commit([
      .setIntents([Intent(path: "i", owner: "p", old: nil, new: Artifact(digest: digest(1), size: 1))])
    ])
    let run = try store.nextRun()
    try store.database.checkpoint()
    try store.database.execute("UPDATE result SET value = x'000000000000000000'")
    store.close()
    let next = try open()
    #expect(try next.results(for: [digest(1)]).isEmpty)
    #expect(next.notices.count == 1 && next.notices[0].contains("1 outputs are still known"))
    #expect(try next.outputs().map(\.path) == ["o"] && next.outputs()[0].hint == nil)
    #expect(try next.intents().map(\.path) == ["i"])
    #expect(try next.nextRun() > run)
  }

  @Test func runIdsAreNotUsedAgainEvenIfTheDatabaseIsLost() throws {
    let store = try open()
    let run = try store.nextRun()
    store.close()
    try folder.write(
      ".reflow/reflow.db",
      "this is no database, but it is long enough to be read as one" + String(repeating: ".", count: 100))
    try folder.remove(".reflow/reflow.db-wal")
    let next = try open()
    #expect(next.notices.count == 1)
    #expect(try next.nextRun() > run)
    #expect(try folder.text(".reflow/reflow.db.damaged-1")?.hasPrefix("this is no database") == true)
  }

  @Test func aStateOfANewerVersionIsRefusedAndNotTouched() throws {
    let store = try makeHistory()
    try store.database.execute("PRAGMA user_version=99")
    try store.database.checkpoint()
    store.close()
    for suffix in ["-wal", "-shm", ".open"] { try folder.remove(".reflow/reflow.db" + suffix) }
    let before = try folder.read(".reflow/reflow.db")
    let names = try folder.names(below: ".reflow")
    let error = failure { try open() }
    #expect(error?.code == .newerVersion && error?.message.contains("newer Reflow") == true)
    #expect(try folder.read(".reflow/reflow.db") == before)
    #expect(try folder.names(below: ".reflow") == names)
  }

  @Test func aForeignDatabaseIsSetAside() throws {
    try folder.makeFolder(".reflow")
    let other = try Database(path: folder[".reflow/reflow.db"])
    try other.execute("CREATE TABLE something (x); INSERT INTO something VALUES (1)")
    other.close()
    let store = try open()
    #expect(store.notices.count == 1)
    try store.commit(History.changes(0))
    #expect(try History.seen(in: store, upTo: 2) == [0, 0, 0, 0])
  }

  @Test func anEmptyFileIsANewState() throws {
    try folder.write(".reflow/reflow.db", "")
    #expect(try open().notices.isEmpty)
  }

  @Test func aStateThatCannotBeWrittenIsRefused() throws {
    try folder.write("file", "")
    let error = failure { try SQLiteStore(in: folder["file/.reflow"]) }
    #expect(error?.code == .wrongKind)
    guard getuid() != 0 else { return }
    let store = try open()
    store.close()
    folder.setMode(".reflow", 0o555)
    folder.setMode(".reflow/reflow.db", 0o444)
    #expect(failure { try open() }?.code == .notPermitted)
    folder.setMode(".reflow", 0o755)
  }

  // MARK: - Failing writes

  @Test func aFullDiskAtAnyWriteLosesNothingAndCanBeRepaired() throws {
    try #require(FaultyFiles.isRegistered)
    var failures = 0
    for operation in 0... {
      let name = "full-\(operation)"
      let store = try open(name, vfs: FaultyFiles.name)
      try store.commit(History.changes(0))
      FaultyFiles.fail(operation: operation, with: SQLITE_FULL, staysBroken: false)
      let error = failure {
        try store.commit(History.changes(1) + [.setIntents([Intent(path: "i", owner: "p", old: nil, new: nil)])])
      }
      let hasFailed = FaultyFiles.repair()
      #expect((error != nil) == hasFailed, "operation \(operation)")
      if let error {
        failures += 1
        #expect(error.code == .noSpace && error.message.contains("free some space"))
        #expect(try History.seen(in: store, upTo: 1) == [0, 0, 0, 0])
      }
      try store.commit(History.changes(1))
      #expect(try History.seen(in: store, upTo: 1) == [1, 1, 1, 1] && store.notices.isEmpty)
      store.close()
      if !hasFailed { break }
    }
    #expect(failures > 5)
  }

  @Test func aCrashAtAnyWriteLeavesTheStateBeforeOrAfterTheCommit() throws {
    try #require(FaultyFiles.isRegistered)
    var outcomes: Set<Int?> = []
    for operation in 0... {
      let name = "crash-\(operation)"
      FaultyFiles.fail(operation: operation, with: SQLITE_IOERR | 3 << 8, staysBroken: true)
      var committed = -1
      do {
        let store = try open(name, vfs: FaultyFiles.name)
        for number in 0...2 {
          try store.commit(History.changes(number))
          committed = number
          if number == 1 { try store.database.checkpoint() }
        }
        store.close()
      } catch {}
      let hasFailed = FaultyFiles.repair()
      // As a killed process leaves it, without the shared memory of those who had it open.
      try copyState(name, to: "after")
      let store = try open("after")
      let numbers = try History.seen(in: store, upTo: 3)
      #expect(Set(numbers).count == 1 && store.notices.isEmpty, "operation \(operation): \(numbers) \(store.notices)")
      let number = numbers[0] ?? -1
      #expect(number == committed || number == committed + 1, "operation \(operation): \(number) after \(committed)")
      outcomes.insert(numbers[0])
      if !hasFailed { break }
    }
    #expect(outcomes == [nil, 0, 1, 2])
  }
}
