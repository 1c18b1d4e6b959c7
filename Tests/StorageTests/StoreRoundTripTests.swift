import BuildGraph
import Diagnostics
import Glibc
import Ports
import Testing

@testable import Storage

@Suite("The store gives back what was committed")
struct StoreRoundTripTests {
  let folder = TemporaryFolder()

  func open(_ options: SQLiteStore.Options = SQLiteStore.Options()) throws -> SQLiteStore {
    try SQLiteStore(in: folder[".reflow"], options: options)
  }

  static let hint = FileHint(
    device: .max, inode: 7, size: 1 << 40, modifiedNanoseconds: -5, changedNanoseconds: .max, mode: 0o100644)
  static let usage = RunOutcome.Usage(
    wallSeconds: 1.5, cpuSeconds: 0.25, peakMemoryBytes: 1 << 33, memoryMeasure: .cgroup)

  static func result(_ number: Int) -> StepResult {
    StepResult(
      outputs: [
        Artifact(digest: digest(number), isExecutable: true, size: 3),
        Artifact(kind: .folder, digest: digest(number + 1), size: 12),
      ], isSandboxed: number % 2 == 0, run: RunID(number: Int64(number) + 1), usage: usage)
  }

  /// Commits in one process, and gives what the next one opens.
  func reopened(after changes: [StoreChange]) throws -> SQLiteStore {
    let store = try open()
    try store.commit(changes)
    store.close()
    let next = try open()
    #expect(next.notices.isEmpty)
    return next
  }

  @Test func sourcesByRootAndBytes() throws {
    let odd = Path(ByteString(bytes: [0x66, 0xFF, 0x0A, 0x27]))
    let first = Observation(artifact: Artifact(digest: digest(1), size: 5), hint: Self.hint, isTrusted: true)
    let second = Observation(
      artifact: Artifact(kind: .folder, digest: digest(2), size: 0), hint: Self.hint, isTrusted: false)
    let other = Path(root: RootID(index: 3), odd.bytes)
    let sources = try reopened(after: [
      .setSource(odd, first), .setSource(other, second), .setSource(Path("gone"), first), .removeSource(Path("gone")),
    ]).sources()
    #expect(sources == [odd: first, other: second])
  }

  @Test func resultsDerivationsAndTracesOfTheKeysThatAreThere() throws {
    let derivation = Derivation(contentKey: digest(10), inputs: [digest(11), digest(12)])
    let empty = Derivation(contentKey: digest(10), inputs: [])
    let store = try reopened(after: [
      .setResult(contentKey: digest(1), Self.result(1)), .setResult(contentKey: digest(2), Self.result(2)),
      .setResult(contentKey: digest(3), Self.result(3)), .removeResult(contentKey: digest(3)),
      .setDerivation(key: digest(4), derivation), .setDerivation(key: digest(5), empty),
      .setTrace(identity: digest(6), bytes: []), .setTrace(identity: digest(7), bytes: [1, 2, 3]),
    ])
    #expect(
      try store.results(for: [digest(3), digest(2), digest(1), digest(99)])
        == [digest(1): Self.result(1), digest(2): Self.result(2)])
    #expect(
      try store.derivations(for: [digest(4), digest(5), digest(6)]) == [digest(4): derivation, digest(5): empty])
    #expect(try store.traces(for: [digest(6), digest(7), digest(8)]) == [digest(6): [], digest(7): [1, 2, 3]])
    #expect(try store.results(for: []).isEmpty)
  }

  @Test func variantsAndTheKeysThatLeadToAResult() throws {
    let variant = Variant(contentKey: digest(1), outputs: digest(2))
    let store = try reopened(after: [
      .setVariant(key: digest(3), Variant(contentKey: digest(1), outputs: digest(9))),
      .setVariant(key: digest(3), variant), .setVariant(key: digest(4), variant),
      .setDerivation(key: digest(3), Derivation(contentKey: digest(1), inputs: [])),
      .setDerivation(key: digest(5), Derivation(contentKey: digest(1), inputs: [])),
      .setDerivation(key: digest(6), Derivation(contentKey: digest(7), inputs: [])),
    ])
    #expect(try store.variants() == [digest(3): variant, digest(4): variant])
    #expect(
      try store.derivationKeys().mapValues(Set.init) == [digest(1): [digest(3), digest(5)], digest(7): [digest(6)]])
    var removal = StateRemoval()
    removal.variants = [digest(3)]
    try store.remove(removal)
    #expect(try store.variants() == [digest(4): variant])
    // Which entries it kept apart is not known without it.
    try store.repair([RowDamage(.variant(digest(4)), "")])
    #expect(try store.variants().isEmpty)
    #expect(try store.derivationKeys().isEmpty)
  }

  @Test(arguments: [1_999, 2_000, 5_000])
  func manyKeysAreFoundBothWays(count: Int) throws {
    let store = try reopened(after: (0..<5_000).map { .setResult(contentKey: digest($0), Self.result($0)) })
    let found = try store.results(for: (0..<count).map { digest($0 * 2) })
    #expect(found.count == min(count, 2_500))
    #expect(found.allSatisfy { $0.value.outputs.first?.digest == $0.key })
  }

  @Test func readSetsComeNewestFirstEachOnceAndAFewOnly() throws {
    func set(_ number: Int) -> ReadSet { ReadSet(paths: ["in/0/a.h", ByteString("in/0/\(number).h")]) }
    var changes: [StoreChange] = (0..<12).map { .addReadSet(declaredKey: digest(1), set($0)) }
    changes += [.addReadSet(declaredKey: digest(1), set(9)), .addReadSet(declaredKey: digest(2), ReadSet(paths: []))]
    let store = try reopened(after: changes)
    #expect(try store.readSets(for: digest(1)) == [9, 11, 10, 8, 7, 6, 5, 4].map(set))
    #expect(try store.readSets(for: digest(2)) == [ReadSet(paths: [])])
    #expect(try store.readSets(for: digest(3)).isEmpty)
  }

  @Test func runsByLabelNewestFirst() throws {
    let endings: [RunOutcome.Ending] = [
      .exited(-1), .signaled(9), .timedOut, .cancelled, .refused(message: "no such command 'ü'"),
    ]
    var records = endings.enumerated().map { index, ending in
      RunRecord(
        run: RunID(number: Int64(index) + 1), build: 4, contentKey: digest(index),
        label: index % 2 == 0 ? "even" : "odd",
        command: ByteString(bytes: [0xFF, 0x20]), reason: "input changed", ending: ending, usage: Self.usage,
        startedAt: 1_700_000_000.25)
    }
    records[1].node = "n1"
    records[2].plan = "in  out\n"
    (records[3].node, records[3].plan) = ("ü", "2")
    let store = try reopened(after: records.map { .addRun($0) })
    #expect(try store.runs(labelled: nil, limit: 10) == records.reversed())
    #expect(try store.runs(labelled: "even", limit: 2) == [records[4], records[2]])
    #expect(try store.runs(labelled: "none", limit: 2).isEmpty)
  }

  @Test func outputsAndIntents() throws {
    let file = OwnedOutput(path: "out/a", owner: "p", artifact: Artifact(digest: digest(1), size: 1), hint: Self.hint)
    let bare = OwnedOutput(
      path: "out/b", owner: "q", artifact: Artifact(digest: digest(2), isExecutable: true, size: 1), hint: nil)
    let made = Intent(path: "out/c", owner: "p", old: nil, new: file.artifact)
    let removed = Intent(path: "out/d", owner: "p", old: bare.artifact, new: nil)
    let store = try reopened(after: [
      .setOutput(bare), .setOutput(file),
      .setOutput(OwnedOutput(path: "z", owner: "p", artifact: file.artifact, hint: nil)),
      .removeOutput(path: "z"), .setIntents([removed, made, Intent(path: "e", owner: "p", old: nil, new: nil)]),
      .removeIntents(["e", "never-there"]),
    ])
    #expect(try store.outputs() == [file, bare])
    #expect(try store.intents() == [made, removed])
  }

  @Test func eachTreeHasOutputsAndIntentsOfItsOwn() throws {
    let trees: [ByteString] = ["", "b", "b/c", "/else/where"]
    for (number, tree) in trees.enumerated() {
      let store = try open(SQLiteStore.Options(tree: tree))
      #expect(try store.outputs().isEmpty && store.intents().isEmpty)
      let artifact = Artifact(digest: digest(number), size: 1)
      try store.commit([
        .setOutput(OwnedOutput(path: "d/x", owner: "p", artifact: artifact, hint: Self.hint)),
        .setOutput(OwnedOutput(path: "d/y", owner: "p", artifact: artifact, hint: nil)), .removeOutput(path: "d/y"),
        .setIntents([Intent(path: "e", owner: "p", old: nil, new: artifact)]), .removeIntents(["d/x"]),
      ])
      store.close()
    }
    for (number, tree) in trees.enumerated() {
      let store = try open(SQLiteStore.Options(tree: tree))
      #expect(try store.outputs().map(\.path) == ["d/x"] && store.outputs()[0].artifact.digest == digest(number))
      for folder: ByteString in ["d", "d/x", ""] {
        #expect(try store.outputs(atOrBelow: [folder]).map(\.path) == ["d/x"])
      }
      #expect(try store.intents().map(\.path) == ["e"])
      #expect(try Set(store.heldArtifacts().map(\.digest)) == Set(trees.indices.map { digest($0) }))
      // What is damaged of any tree is found and named.
      let key = OutputKeys(tree: tree).key(of: "d/x")
      try store.database.execute("SAVEPOINT here")
      let statement = try store.database.prepare("UPDATE output SET value = x'000102030405060708' WHERE path = ?1")
      statement.bind(key, at: 1)
      try statement.run()
      let damage = try store.damage()
      #expect(damage.map(\.row) == [.output(key)])
      #expect(damage[0].message.contains(tree.isEmpty ? "'d/x' is" : "'d/x' in '\(tree.display)'"))
      try store.database.execute("ROLLBACK TO here")
      try store.database.execute("RELEASE here")
      store.close()
    }
  }

  @Test func graphsAreKeptUpToALimitAndTheLeastRecentlyWrittenGoes() throws {
    let store = try open(SQLiteStore.Options(keptGraphs: 2))
    try store.commit([.setGraph(key: digest(1), pages: [.header: [1]])])
    try store.commit([.setGraph(key: digest(2), pages: [.header: []])])
    try store.commit([.setGraph(key: digest(1), pages: [.header: [1]])])
    try store.commit([.setGraph(key: digest(3), pages: [.header: [3]])])
    #expect(try store.graphPages(of: digest(1), [.header]) == [.header: [1]])
    #expect(try store.graphPages(of: digest(2), [.header]) == [:])
    #expect(try store.graphPages(of: digest(3), [.header]) == [.header: [3]])
    #expect(try store.graphKeys() == [digest(3), digest(1)])
    #expect(try store.database.integer("SELECT count(*) FROM graphPage") == 2)
  }

  @Test func aGraphIsWrittenPageByPageAndOnlyWhereItDiffers() throws {
    let store = try open()
    let (a, b, c) = (GraphPage(.paths, 0), GraphPage(.paths, 1), GraphPage(.stepStates, .max))
    try store.commit([.setGraph(key: digest(1), pages: [a: [1], b: [2], c: [3]])])
    try store.commit([.updateGraph(key: digest(1), pages: [b: [4]]), .updateGraph(key: digest(9), pages: [a: [9]])])
    #expect(try store.graphPages(of: digest(1), [c, b, a, .header]) == [a: [1], b: [4], c: [3]])
    #expect(try store.graphPages(of: digest(9), [a]) == [:], "a graph that is not there is not updated")
    // What is written again would get a new value from this trigger.
    try store.database.execute(
      "CREATE TRIGGER t AFTER INSERT ON graphPage BEGIN INSERT INTO intent VALUES (CAST(new.id AS BLOB), zeroblob(9)); END"
    )
    try store.commit([.setGraph(key: digest(1), pages: [a: [1], b: [5]])])
    #expect(try store.database.integer("SELECT count(*) FROM intent") == 1)
    #expect(try store.graphPages(of: digest(1), [a, b, c]) == [a: [1], b: [5]])
    try store.commit([.removeGraph(key: digest(1))])
    #expect(try store.graphKeys() == [])
    #expect(try store.database.integer("SELECT count(*) FROM graphPage") == 0)
  }

  @Test func observationsAndOutputsAreFoundByPathAndBelowFolders() throws {
    let store = try open()
    let observation = Observation(
      artifact: Artifact(digest: digest(1), size: 1), hint: StoreRoundTripTests.hint, isTrusted: true)
    let paths: [ByteString] = ["a", "d", "d/x", "d/y/z", "d0", "d-", "e"]
    try store.commit(
      paths.map { .setSource(Path($0), observation) } + [
        .setSource(Path(root: RootID(index: 1), "d/x"), observation)
      ])
    #expect(
      Set(try store.sources(at: [Path("a"), Path("none")], below: [Path("d")]).keys)
        == Set(["a", "d/x", "d/y/z"].map { Path($0) }))
    #expect(try store.sources(at: [], below: [Path("")]).count == paths.count)
    try store.commit(
      paths.map {
        .setOutput(OwnedOutput(path: $0, owner: "p", artifact: observation.artifact, hint: nil))
      })
    #expect(try store.outputs(atOrBelow: ["d", "d/x", "a"]).map(\.path) == ["a", "d", "d/x", "d/y/z"])
    #expect(try store.outputs(atOrBelow: [""]).count == paths.count)
  }

  @Test func buildsBeginAndEnd() throws {
    let store = try open()
    let number = try store.nextBuild()
    try store.commit([.beginBuild(number: number, program: "main.rf", startedAt: 12)])
    #expect(try store.builds(limit: 9).map(\.summary) == [nil])
    let summary = BuildEvent.Summary(status: .failed, steps: 9, run: 4, cached: 3, failed: 2, seconds: 1.25)
    try store.commit([.endBuild(number: number, summary)])
    #expect(
      try store.builds(limit: 9) == [
        BuildRecord(number: number, program: "main.rf", startedAt: 12, summary: summary)
      ])
    #expect(try store.nextBuild() == number + 1)
  }

  @Test func theGenerationGrowsWithEachCommitAndSurvives() throws {
    let store = try open()
    let before = store.generation
    try store.commit([])
    #expect(store.generation == before)
    try store.commit([.removeOutput(path: "x")])
    #expect(store.generation == before + 1)
    store.close()
    #expect(try open().generation == before + 1)
  }

  @Test func runIdsAreNeverUsedAgainNotEvenAfterAKill() throws {
    var seen: Set<RunID> = []
    for round in 0..<4 {
      let store = try open(SQLiteStore.Options(runBlock: 3))
      for _ in 0..<5 { #expect(seen.insert(try store.nextRun()).inserted) }
      // A kill is a connection that ends without giving anything back.
      if round % 2 == 0 { store.close() } else { store.database.close() }
    }
    let store = try open(SQLiteStore.Options(runBlock: 1000))
    let first = try store.nextRun()
    store.close()
    #expect(try open().nextRun().number == first.number + 1, "a clean end gives unused ids back")
  }

  @Test func theWorkspaceKeepsItsIdAndANewOneHasAnother() throws {
    let store = try open()
    let id = store.workspaceID
    #expect(id.count == 16)
    store.close()
    #expect(try open().workspaceID == id)
    try folder.remove(".reflow")
    #expect(try open().workspaceID != id)
  }

  @Test func aStateWithAnExclusiveLockWorksAsOnANetworkFileSystem() throws {
    let store = try open(SQLiteStore.Options(isOnNetwork: true, busyTimeoutMilliseconds: 1))
    try store.commit([.setGraph(key: digest(1), pages: [.header: [1]])])
    #expect(try folder.status(".reflow/reflow.db-shm") == nil)
    let second = failure { try open(SQLiteStore.Options(isOnNetwork: true, busyTimeoutMilliseconds: 1)) }
    #expect(second?.code == .locked)
    #expect(try store.graphPages(of: digest(1), [.header]) == [.header: [1]])
  }
}
