import BuildGraph
import Diagnostics
import Glibc
import Ports
import Testing

@testable import Storage

@Suite("Objects")
struct ObjectStoreTests {
  let folder = TemporaryFolder()
  let store: FileObjectStore

  init() throws { store = try FileObjectStore(in: folder[".reflow"]) }

  /// What a process that knows nothing yet sees.
  func fresh() throws -> FileObjectStore { try FileObjectStore(in: folder[".reflow"]) }

  func objectPath(_ artifact: Artifact) -> String { ".reflow/objects/" + ObjectName(artifact).path.display }

  @Test(arguments: [0, 1, 4096, 32 << 10, (32 << 10) + 1, 1 << 20, (1 << 20) + 7])
  func aFileOfAnySizeIsTakenInByItsContent(size: Int) throws {
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let path = try folder.write("run/out", bytes)
    let artifact = try store.ingest(.file, at: path)
    #expect(artifact == Artifact(digest: Digest(hashing: bytes), size: Int64(size)))
    #expect(try folder.status("run/out") == nil, "it was moved")
    #expect(try folder.read(objectPath(artifact)) == bytes)
    #expect(try folder.status(objectPath(artifact))?.hint.mode == 0o100444)
    for store in [store, try fresh()] {
      #expect(store.contains(artifact))
      #expect(try store.read(artifact, limitBytes: size) == bytes)
      #expect(try store.place(of: artifact) == folder[objectPath(artifact)])
    }
  }

  @Test func theExecutableBitIsPartOfTheContent() throws {
    let plain = try store.ingest(.file, at: folder.write("run/a", "same"))
    let tool = try store.ingest(.file, at: folder.write("run/b", "same", mode: 0o700))
    #expect(plain.digest == tool.digest && !plain.isExecutable && tool.isExecutable)
    #expect(try folder.status(objectPath(tool))?.hint.mode == 0o100555)
    #expect(objectPath(plain) != objectPath(tool))
  }

  @Test func equalFilesShareOneObject() throws {
    let first = try store.ingest(.file, at: folder.write("run/a", "same"))
    let inode = try folder.status(objectPath(first))?.hint.inode
    #expect(try fresh().ingest(.file, at: folder.write("run/b", "same")) == first)
    #expect(try fresh().store(Array("same".utf8)) == first)
    #expect(try folder.status(objectPath(first))?.hint.inode == inode)
  }

  @Test func anUnreadableOutputIsTakenInWithoutChangingWhatIsLinkedToIt() throws {
    let artifact = try store.ingest(.file, at: folder.write("run/secret", "x", mode: 0))
    #expect(store.contains(artifact))
    try folder.write("user/mine", "content")
    try folder.makeFolder("run")
    folder.hardLink("run/out", to: "user/mine")
    let linked = try store.ingest(.file, at: folder["run/out"])
    #expect(try folder.status("user/mine")?.hint.mode == 0o100644, "a user's file is never changed")
    #expect(try folder.status(objectPath(linked))?.links == 1)
    #expect(try folder.read(objectPath(linked)) == Array("content".utf8))
  }

  @Test func aUsersFileIsCopiedInAndStays() throws {
    let path = try folder.write("user/data", "content", mode: 0o755)
    let artifact = try store.copyIn(file: path)
    #expect(artifact == Artifact(digest: Digest(hashing: Array("content".utf8)), isExecutable: true, size: 7))
    #expect(try folder.status("user/data")?.hint.mode == 0o100755)
    #expect(try store.read(artifact, limitBytes: 7) == Array("content".utf8))
    #expect(failure { try store.copyIn(file: folder["user/none"]) }?.code == .notFound)
  }

  func makeSampleFolder(_ name: String) throws -> ByteString {
    try folder.write("\(name)/a.b/x", "1")
    try folder.write("\(name)/a/c", "2", mode: 0o755)
    try folder.write("\(name)/a/ü\u{1}", "3")
    try folder.makeFolder("\(name)/empty/inner")
    folder.link("\(name)/a/up", to: "../a.b/x")
    return folder[name]
  }

  @Test func aFolderBecomesAManifestAndObjects() throws {
    let artifact = try store.ingest(.folder, at: makeSampleFolder("run/tree"))
    let manifest = try fresh().manifest(of: artifact)
    #expect(manifest.entries.map(\.path) == ["a.b/x", "a/c", "a/up", "a/ü\u{1}", "empty/inner"])
    #expect(manifest.artifact == artifact && artifact.size == 3)
    #expect(manifest.entries[2].content == .link(target: "../a.b/x") && manifest.entries[4].content == .emptyFolder)
    #expect(try fresh().contains(artifact))
    #expect(try store.ingest(.folder, at: makeSampleFolder("run/again")) == artifact)
    #expect(try store.store(manifest) == artifact)
  }

  @Test func anEmptyFolderIsAContent() throws {
    try folder.makeFolder("run/none")
    let artifact = try store.ingest(.folder, at: folder["run/none"])
    #expect(try store.manifest(of: artifact).entries.isEmpty)
    #expect(
      try folder.names(below: fresh().place(of: artifact).display.replacingPrefix(folder.path.display + "/")) == [])
  }

  @Test func aFoldersPlaceIsAReadOnlyTreeMadeOnce() throws {
    let artifact = try store.ingest(.folder, at: makeSampleFolder("run/tree"))
    let place = try store.place(of: artifact)
    let relative = place.display.replacingPrefix(folder.path.display + "/")
    let names = ["a/", "a/c", "a/up", "a/ü\\x01", "a.b/", "a.b/x", "empty/", "empty/inner/"]
    #expect(Set(try folder.names(below: relative)) == Set(names))
    #expect(try folder.status(relative)?.hint.mode == 0o40555)
    #expect(try folder.status(relative + "/a/c")?.hint.mode == 0o100555)
    let inode = try folder.status(relative)?.hint.inode
    #expect(try fresh().place(of: artifact) == place)
    #expect(try folder.status(relative)?.hint.inode == inode, "a good tree is used again")
    folder.setMode(relative + "/a", 0o755)
    try folder.remove(relative + "/a/c")
    try folder.write(relative + "/a/c", "changed", mode: 0o555)
    _ = try fresh().place(of: artifact)
    #expect(try folder.text(relative + "/a/c") == "2", "a tree that was changed is made anew")
  }

  @Test func whatCannotBeAnOutputIsRefusedByName() throws {
    try folder.makeFolder("run/d")
    folder.makeFIFO("run/fifo")
    folder.link("run/link", to: "somewhere")
    let cases: [(ArtifactKind, String)] = [
      (.file, "run/fifo"), (.file, "run/d"), (.file, "run/link"), (.folder, "run/link"),
    ]
    for (kind, name) in cases {
      let error = failure { try store.ingest(kind, at: folder[name]) }
      #expect(error?.code == .wrongKind && error?.message.contains(name) == true, "\(name)")
    }
    #expect(failure { try store.ingest(.file, at: folder["run/none"]) }?.code == .notFound)
    for target in ["/etc/passwd", "../outside", "inner/../../outside", "loop/../../x"] {
      try folder.remove("run/tree")
      try folder.makeFolder("run/tree/inner")
      folder.link("run/tree/bad", to: ByteString(target))
      let error = failure { try store.ingest(.folder, at: folder["run/tree"]) }
      #expect(error?.code == .wrongKind && error?.message.contains("run/tree/bad") == true, "\(target)")
    }
    try folder.remove("run/tree")
    try folder.makeFolder("run/tree/inner")
    folder.makeFIFO("run/tree/inner/fifo")
    let error = failure { try store.ingest(.folder, at: folder["run/tree"]) }
    #expect(error?.code == .wrongKind && error?.message.contains("inner/fifo") == true)
  }

  @Test func everyFlippedBitAndEveryCutOfAnObjectIsDetected() throws {
    let bytes = Array("some content".utf8)
    for position in 0..<bytes.count {
      let artifact = try fresh().store(bytes)
      var damaged = bytes
      damaged[position] ^= 1 << UInt8(position % 8)
      try folder.remove(objectPath(artifact))
      try folder.write(objectPath(artifact), damaged, mode: 0o444)
      #expect(failure { try fresh().read(artifact, limitBytes: 100) }?.code == .damaged)
      #expect(try !fresh().contains(artifact), "it was set aside")
      _ = try fresh().store(bytes)
      try folder.remove(objectPath(artifact))
      try folder.write(objectPath(artifact), Array(bytes[..<position]), mode: 0o444)
      #expect(try !fresh().contains(artifact))
      #expect(failure { try fresh().place(of: artifact) }?.code == .damaged)
    }
    #expect(try folder.names(below: ".reflow/damaged").count == 2 * bytes.count)
  }

  @Test func aDamagedObjectIsMadeAgainByWork() throws {
    let artifact = try store.store(Array("content".utf8))
    try folder.remove(objectPath(artifact))
    try folder.write(objectPath(artifact), "cut", mode: 0o444)
    #expect(try fresh().ingest(.file, at: folder.write("run/out", "content")) == artifact)
    #expect(try folder.text(objectPath(artifact)) == "content")
  }

  @Test func aDamagedManifestIsDetected() throws {
    let artifact = try store.ingest(.folder, at: makeSampleFolder("run/tree"))
    var bytes = try #require(try folder.read(objectPath(artifact)))
    bytes[bytes.count / 2] ^= 4
    try folder.remove(objectPath(artifact))
    try folder.write(objectPath(artifact), bytes, mode: 0o444)
    #expect(try !fresh().contains(artifact))
    #expect(failure { try fresh().manifest(of: artifact) }?.code == .notFound, "looking set it aside")
  }

  @Test func aFolderIsThereOnlyWithAllThatItHolds() throws {
    let artifact = try store.ingest(.folder, at: makeSampleFolder("run/tree"))
    let manifest = try store.manifest(of: artifact)
    for case .file(let file) in manifest.entries.map(\.content) {
      let bytes = try #require(try folder.read(objectPath(file)))
      try folder.remove(objectPath(file))
      #expect(try !fresh().contains(artifact))
      try folder.write(objectPath(file), bytes, mode: 0o444)
      #expect(try fresh().contains(artifact))
    }
    #expect(try fresh().contains([artifact, Artifact(digest: digest(99), size: 1)]) == [true, false])
  }

  @Test func aLargeObjectWrittenThroughALinkIsDetected() throws {
    let artifact = try store.store([UInt8](repeating: 7, count: 2 << 20))
    #expect(try fresh().place(of: artifact) == folder[objectPath(artifact)])
    folder.setMode(objectPath(artifact), 0o644)
    let file = try Descriptor(opening: folder[objectPath(artifact)], flags: O_WRONLY)
    try file.write([8], "object")
    folder.setMode(objectPath(artifact), 0o444)
    #expect(failure { try store.place(of: artifact) }?.code == .damaged)
  }

  @Test func aLargeObjectWithNewTimesIsStillGood() throws {
    let artifact = try store.store([UInt8](repeating: 7, count: 2 << 20))
    let file = try Descriptor(opening: folder[objectPath(artifact)], flags: O_RDONLY)
    try file.setModified(1_000_000_000, "object")
    _ = try fresh().place(of: artifact)
    let modified = try #require(try folder.status(objectPath(artifact))).hint.modifiedNanoseconds
    #expect(ObjectSeal.holds(modified, artifact.digest), "and sealed again")
  }

  @Test func sweepingRemovesWhatACrashLeft() throws {
    let artifact = try store.store(Array("kept".utf8))
    try folder.write(".reflow/tmp/1-1", "half")
    try folder.write(".reflow/tmp/1-2/a/b", "half")
    folder.setMode(".reflow/tmp/1-2/a", 0o555)
    try fresh().sweep()
    #expect(try folder.names(below: ".reflow/tmp").isEmpty)
    #expect(try fresh().contains(artifact))
    try store.sync()
  }

  @Test func aValueLargerThanTheLimitIsRefused() throws {
    let artifact = try store.store(Array("content".utf8))
    #expect(failure { try store.read(artifact, limitBytes: 6) }?.code == .limit)
  }

  @Test func manyThreadsMayStoreTheSameContents() throws {
    let store = store
    let artifacts = Slots<Artifact?>.filled(count: 400, with: nil) { slots in
      onAllCores(count: 400, grain: 1) { range in
        for index in range { slots[index] = try? store.store(Array("content \(index % 20)".utf8)) }
      }
    }
    #expect(Set(artifacts.compactMap { $0 }).count == 20 && !artifacts.contains(nil))
    #expect(try folder.names(below: ".reflow/tmp").isEmpty)
  }
}

extension String {
  func replacingPrefix(_ prefix: String) -> String { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self }
}
