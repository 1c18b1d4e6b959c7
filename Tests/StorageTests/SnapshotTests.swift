import BuildGraph
import Diagnostics
import Glibc
import Ports
import Testing

@testable import Storage

@Suite("Snapshots")
struct SnapshotTests {
  let folder = TemporaryFolder()
  let key = digest(1)

  var snapshot: MappedSnapshot { version("1.0") }

  func version(_ version: ByteString) -> MappedSnapshot {
    MappedSnapshot(
      stateFolder: folder[".reflow"], roots: [folder["work"], folder["mapped"]], output: folder["out"], version: version
    )
  }

  init() throws {
    try folder.write("work/main.rf", "program")
    try folder.write("work/data/a", "one")
    try folder.write("work/data/b", "two", mode: 0o755)
    try folder.write("mapped/x/y/z", "three")
    for number in 0..<20 { try folder.write("out/results/\(number)", "output \(number)") }
    try folder.write("out/top", "output")
  }

  func hint(_ path: String) throws -> FileHint { try #require(try folder.status(path)).hint }

  func sampleEntries() throws -> [SnapshotEntry] {
    var entries: [SnapshotEntry] = [
      SnapshotEntry(root: .source(.workspace), path: "", expectation: .folder(try hint("work"), isTrusted: true)),
      SnapshotEntry(
        root: .source(.workspace), path: "main.rf", expectation: .file(try hint("work/main.rf"), rehash: nil)),
      SnapshotEntry(
        root: .source(.workspace), path: "data", expectation: .folder(try hint("work/data"), isTrusted: true)),
      SnapshotEntry(
        root: .source(.workspace), path: "data/a", expectation: .file(try hint("work/data/a"), rehash: nil)),
      SnapshotEntry(
        root: .source(.workspace), path: "data/b", expectation: .file(try hint("work/data/b"), rehash: nil)),
      SnapshotEntry(root: .source(.workspace), path: "data/none", expectation: .missing),
      SnapshotEntry(root: .source(.workspace), path: "no/such/folder", expectation: .missing),
      SnapshotEntry(
        root: .source(RootID(index: 1)), path: "x/y/z", expectation: .file(try hint("mapped/x/y/z"), rehash: nil)),
      SnapshotEntry(root: .output, path: "top", expectation: .file(try hint("out/top"), rehash: nil)),
    ]
    for number in 0..<20 {
      entries.append(
        SnapshotEntry(
          root: .output, path: ByteString("results/\(number)"),
          expectation: .file(try hint("out/results/\(number)"), rehash: nil)))
    }
    return entries
  }

  func write(_ entries: [SnapshotEntry], summary: [UInt8] = [1, 2, 3]) throws {
    try snapshot.write(key: key, generation: 7, entries: entries, summary: summary)
  }

  @Test func anEqualWorldIsUnchangedAndGivesTheSummary() throws {
    try write(sampleEntries(), summary: [])
    #expect(snapshot.check(key: key, generation: nil) == .unchanged(summary: []))
    try write(sampleEntries())
    #expect(snapshot.check(key: key, generation: 7) == .unchanged(summary: [1, 2, 3]))
    #expect(snapshot.check(key: key, generation: nil) == .unchanged(summary: [1, 2, 3]))
  }

  @Test func nothingToLookAtIsUnchanged() throws {
    try write([])
    #expect(snapshot.check(key: key, generation: nil) == .unchanged(summary: [1, 2, 3]))
  }

  @Test func anotherKeyVersionOrGenerationHasNoSnapshot() throws {
    try write(sampleEntries())
    #expect(snapshot.check(key: digest(2), generation: nil) == .none)
    #expect(version("1.1").check(key: key, generation: nil) == .none)
    #expect(snapshot.check(key: key, generation: 8) == .none)
    try snapshot.remove(key: key)
    #expect(snapshot.check(key: key, generation: nil) == .none)
    try snapshot.remove(key: key)
  }

  enum Change: String, CaseIterable {
    case edit, sameSizeEdit, touch, remove, replace, mode, appears, fileForFolder, folderForFile, mappedEdit, outputEdit
    case outputGone, outputMode, outputFolderGone, outputFolderBecomesALink, nameAddedToAFolder, rootGone,
      missingFolderAppears

    /// The path that must be reported.
    var path: ByteString {
      switch self {
      case .edit, .sameSizeEdit, .touch, .remove, .replace, .folderForFile: "data/a"
      case .mode: "data/b"
      case .appears: "data/none"
      case .fileForFolder, .nameAddedToAFolder: "data"
      case .mappedEdit: "x/y/z"
      case .outputEdit, .outputGone, .outputMode: "results/7"
      case .outputFolderGone, .outputFolderBecomesALink: "results/0"
      case .rootGone: ""
      case .missingFolderAppears: "no/such/folder"
      }
    }

    func apply(to folder: TemporaryFolder) throws {
      switch self {
      case .edit: try folder.write("work/data/a", "one more")
      case .sameSizeEdit: try folder.write("work/data/a", "two")
      case .touch: withCString(folder["work/data/a"]) { _ = utimensat(AT_FDCWD, $0, nil, 0) }
      case .remove: try folder.remove("work/data/a")
      case .replace:
        try folder.write("work/new", "one")
        folder.rename("work/new", to: "work/data/a")
      case .mode: folder.setMode("work/data/b", 0o644)
      case .appears, .nameAddedToAFolder: try folder.write("work/data/none", "")
      case .fileForFolder:
        folder.rename("work/data", to: "elsewhere")
        try folder.write("work/data", "")
      case .folderForFile:
        try folder.remove("work/data/a")
        try folder.makeFolder("work/data/a")
      case .mappedEdit: try folder.write("mapped/x/y/z", "3")
      case .outputEdit: try folder.write("out/results/7", "Output 7")
      case .outputGone: try folder.remove("out/results/7")
      case .outputMode: folder.setMode("out/results/7", 0o755)
      case .outputFolderGone: try folder.remove("out/results")
      case .outputFolderBecomesALink:
        folder.rename("out/results", to: "kept")
        folder.link("out/results", to: "../kept")
      case .rootGone: try folder.remove("work")
      case .missingFolderAppears: try folder.write("work/no/such/folder", "")
      }
    }
  }

  @Test(arguments: Change.allCases)
  func everyKindOfDifferenceIsSeen(change: Change) throws {
    // Without the folders that change as well, so that the file itself must be seen.
    let folders: Set<ByteString> =
      switch change {
      case .fileForFolder, .nameAddedToAFolder, .rootGone: []
      case _: ["", "data"]
      }
    try write(sampleEntries().filter { $0.root == .output || !folders.contains($0.path) })
    // Times as coarse as the clock's tick must not hide an edit that follows at once.
    usleep(12_000)
    try change.apply(to: folder)
    guard case .changed(let differences, _) = snapshot.check(key: key, generation: nil) else {
      Issue.record("\(change.rawValue) was not seen")
      return
    }
    #expect(differences.contains { $0.path == change.path }, "\(differences.map(\.path))")
  }

  @Test func differencesAreGivenAsTheyWereWritten() throws {
    let entries = try sampleEntries()
    try write(entries)
    try folder.remove("out/results")
    guard case .changed(let differences, _) = snapshot.check(key: key, generation: nil) else {
      Issue.record("unseen")
      return
    }
    #expect(differences == Array(entries[9...]), "all of them")
  }

  @Test func theDifferencesDoNotDependOnThreads() throws {
    var entries: [SnapshotEntry] = []
    for number in 0..<6_000 {
      entries.append(
        SnapshotEntry(
          root: .source(.workspace), path: ByteString("none/\(number % 50)/\(number)"),
          expectation: number % 1_500 == 1_400
            ? .folder(try hint("work"), isTrusted: true) : .missing))
    }
    try write(entries)
    for _ in 0..<50 {
      #expect(
        snapshot.check(key: key, generation: nil)
          == .changed(stride(from: 1_400, to: 6_000, by: 1_500).map { entries[$0] }, summary: [1, 2, 3]))
    }
  }

  @Test func aPatchedSnapshotIsTheOneThatWouldHaveBeenWritten() throws {
    let old = try sampleEntries().sorted { $0.place < $1.place }
    try write(old)
    var hint = try hint("work/data/a")
    hint.size += 1
    var patch = SnapshotPatch()
    patch.entries = [
      SnapshotEntry(
        root: .source(.workspace), path: "data/a", expectation: .file(hint, rehash: digest(5))),
      SnapshotEntry(root: .output, path: "results/7", expectation: .file(hint, rehash: nil)),
    ]
    // Nothing added, nothing dropped: overwritten in place.
    for _ in 0..<2 {
      try snapshot.patch(key: key, generation: 8, patch, summary: [9])
      #expect(snapshot.entries(key: key) == patch.applied(to: old))
    }
    guard case .changed(let differences, let summary) = snapshot.check(key: key, generation: 8) else {
      Issue.record("unseen")
      return
    }
    #expect(differences == patch.entries)
    #expect(summary == [9])
    // One that is meant for another snapshot changes nothing.
    patch.base = [8]
    patch.entries[0].expectation = .missing
    try snapshot.patch(key: key, generation: 8, patch, summary: [7])
    guard case .changed(_, summary: [9]) = snapshot.check(key: key, generation: 8) else {
      Issue.record("somebody else's snapshot is patched")
      return
    }
    patch.base = [9]
    try snapshot.patch(key: key, generation: 8, patch, summary: [9])
    #expect(snapshot.entries(key: key) == patch.applied(to: old))
    // A folder with other names in it, but for one that is kept.
    var other = SnapshotPatch()
    other.forgotten = [SnapshotPlace(root: .source(.workspace), path: "data")]
    other.kept = [SnapshotPlace(root: .source(.workspace), path: "data/none")]
    other.entries = [SnapshotEntry(root: .source(.workspace), path: "data/new", expectation: .missing)]
    try snapshot.patch(key: key, generation: 9, other, summary: [])
    let found = snapshot.entries(key: key)
    #expect(found == other.applied(to: patch.applied(to: old)))
    #expect(found.count == old.count - 3 + 1)
    #expect(found.contains { $0.path == "data/none" })
  }

  @Test func anUntrustedFileIsHashedAndThenPromoted() throws {
    let entry = SnapshotEntry(
      root: .source(.workspace), path: "data/a",
      expectation: .file(try hint("work/data/a"), rehash: Digest(hashing: Array("one".utf8))))
    try write([entry])
    #expect(snapshot.check(key: key, generation: nil) == .unchanged(summary: [1, 2, 3]))
    usleep(30_000)
    #expect(snapshot.check(key: key, generation: nil) == .unchanged(summary: [1, 2, 3]))
    let bytes = try #require(try folder.read(".reflow/snapshots/" + key.description))
    let kind = bytes.withUnsafeBytes {
      SnapshotFile($0, version: Digest(hashing: Array("1.0".utf8)), key: key)?.entry(0).kind
    }
    #expect(kind == .file, "it had rested by then")
    #expect(snapshot.check(key: key, generation: nil) == .unchanged(summary: [1, 2, 3]))
  }

  @Test func anEditThatLeavesAllFiguresIsSeenWhereTheHintIsUntrusted() throws {
    let before = try hint("work/data/a")
    try write([
      SnapshotEntry(
        root: .source(.workspace), path: "data/a",
        expectation: .file(before, rehash: Digest(hashing: Array("ONE".utf8))))
    ])
    // The figures are the recorded ones, and the content is another: what a write within one tick of the clock leaves.
    #expect(try hint("work/data/a") == before)
    guard case .changed = snapshot.check(key: key, generation: nil) else {
      Issue.record("unseen")
      return
    }
  }

  @Test func anUntrustedFolderCountsAsChanged() throws {
    let entry = SnapshotEntry(
      root: .source(.workspace), path: "data", expectation: .folder(try hint("work/data"), isTrusted: false))
    try write([entry])
    #expect(snapshot.check(key: key, generation: nil) == .changed([entry], summary: [1, 2, 3]))
  }

  @Test func aDamagedSnapshotIsIgnored() throws {
    try write(Array(sampleEntries().prefix(6)))
    let name = ".reflow/snapshots/" + key.description
    let bytes = try #require(try folder.read(name))
    for position in 0..<bytes.count {
      var damaged = bytes
      damaged[position] ^= 1 << UInt8(position % 8)
      try folder.write(name, damaged)
      #expect(snapshot.check(key: key, generation: nil) == .none, "byte \(position)")
      if position % 7 == 0 {
        try folder.write(name, Array(bytes[..<position]))
        #expect(snapshot.check(key: key, generation: nil) == .none, "cut at \(position)")
      }
    }
    try folder.write(name, bytes)
    #expect(snapshot.check(key: key, generation: nil) == .unchanged(summary: [1, 2, 3]))
  }

  @Test func onlyTheNewestSnapshotsAreKept() throws {
    for number in 0..<40 { try snapshot.write(key: digest(number), generation: 1, entries: [], summary: []) }
    #expect(try folder.names(below: ".reflow/snapshots").count == 32)
    #expect(snapshot.check(key: digest(39), generation: nil) == .unchanged(summary: []))
  }

  @Test func pathsAreBytes() throws {
    let odd = ByteString(bytes: [0xFF, 0x0A, 0x5C])
    let file = try Descriptor(opening: folder["work/"] + odd, flags: O_WRONLY | O_CREAT, mode: 0o644)
    let entries = [
      SnapshotEntry(root: .source(.workspace), path: odd, expectation: .file(try file.status(odd).hint, rehash: nil))
    ]
    try write(entries)
    #expect(snapshot.check(key: key, generation: nil) == .unchanged(summary: [1, 2, 3]))
    try file.write([1], odd)
    #expect(snapshot.check(key: key, generation: nil) == .changed(entries, summary: [1, 2, 3]))
  }
}
