import BuildGraph
import Diagnostics
import Glibc
import Ports
import Testing

@testable import Storage

@Suite("The output tree")
struct OutputTreeTests {
  let folder = TemporaryFolder()
  let objects: FileObjectStore
  let tree: FileOutputTree

  init() throws {
    objects = try FileObjectStore(in: folder[".reflow"])
    tree = FileOutputTree(root: folder["out"], objects: objects)
  }

  func object(_ text: String, executable: Bool = false) throws -> Artifact {
    try objects.ingest(.file, at: folder.write("run/x", text, mode: executable ? 0o755 : 0o644))
  }

  func owned(_ path: ByteString, _ artifact: Artifact, _ hint: FileHint?) -> OwnedOutput {
    OwnedOutput(path: path, owner: "p", artifact: artifact, hint: hint)
  }

  // MARK: Writing

  @Test func aFileIsWrittenWithItsFoldersAndModes() throws {
    let plain = try object("text")
    let tool = try object("#!", executable: true)
    _ = try tree.write(plain, to: "a/b/plain")
    _ = try tree.write(tool, to: "a/tool")
    let mask = umask(0)
    umask(mask)
    #expect(try folder.text("out/a/b/plain") == "text")
    #expect(try folder.status("out/a/b/plain")?.hint.mode == UInt32(S_IFREG) | 0o666 & ~UInt32(mask))
    #expect(try folder.status("out/a/tool")?.hint.mode == UInt32(S_IFREG) | 0o777 & ~UInt32(mask))
    #expect(try folder.names(below: "out") == ["a/", "a/b/", "a/b/plain", "a/tool"], "no temporary name is left")
  }

  @Test func whatIsWrittenIsKnownByItsHintAtOnce() throws {
    let artifact = try object("text")
    let hint = try tree.write(artifact, to: "a")
    let look = try tree.look(at: "a", expecting: owned("a", artifact, hint))
    #expect(look == .file(artifact, hint, isTrusted: true))
    // Not even an edit in the same tick leaves the figures as they are: the time was set back.
    for _ in 0..<20 {
      let hint = try tree.write(artifact, to: "a")
      try folder.write("out/a", "TEXT")
      guard case .file(let found, _, _) = try tree.look(at: "a", expecting: owned("a", artifact, hint)) else {
        Issue.record("no file")
        return
      }
      #expect(found.digest == Digest(hashing: Array("TEXT".utf8)))
    }
  }

  @Test func aWriteReplacesAFileAndALinkButNotWhatTheLinkLeadsTo() throws {
    try folder.write("user/precious", "mine")
    try folder.makeFolder("out")
    folder.link("out/a", to: "../user/precious")
    _ = try tree.write(object("new"), to: "a")
    #expect(try folder.text("out/a") == "new")
    #expect(try folder.text("user/precious") == "mine")
    _ = try tree.write(object("newer"), to: "a")
    #expect(try folder.text("out/a") == "newer")
  }

  @Test func aFolderInTheWayOfAFileIsRefusedAndStays() throws {
    try folder.write("out/a/inner", "x")
    #expect(failure { try tree.write(object("new"), to: "a") }?.code == .wrongKind)
    #expect(try folder.names(below: "out") == ["a/", "a/inner"])
  }

  @Test func aFileInTheWayOfAFolderIsRefusedAndStays() throws {
    try folder.write("out/a", "x")
    let error = failure { try tree.write(object("new"), to: "a/b/c") }
    #expect(error?.code == .wrongKind && error?.message.contains("/a'") == true)
    #expect(failure { try tree.makeFolder("a") }?.code == .wrongKind)
    #expect(try folder.text("out/a") == "x")
  }

  @Test(arguments: ["../x", "/etc/x", "a/../../x", "", "a//b", "a/./b", "a/", "a\u{0}b"])
  func aPathOutOfTheTreeIsRefused(path: String) throws {
    let path = ByteString(path)
    #expect(failure { try tree.write(object("new"), to: path) }?.code == .wrongKind)
    #expect(failure { try tree.makeFolder(path) }?.code == .wrongKind)
    try folder.makeFolder("out")
    #expect(failure { try tree.remove(path) }?.code == .wrongKind)
    #expect(failure { try tree.look(at: path, expecting: nil) }?.code == .wrongKind)
    #expect(failure { try tree.displace(path) }?.code == .wrongKind)
  }

  @Test func noLinkLeadsOutOfTheTree() throws {
    try folder.write("user/d/file", "mine")
    try folder.makeFolder("out")
    folder.link("out/d", to: folder["user/d"])
    #expect(failure { try tree.write(object("new"), to: "d/file") }?.code == .wrongKind)
    #expect(failure { try tree.write(object("new"), to: "d/new/file") }?.code == .wrongKind)
    #expect(failure { try tree.makeFolder("d/new") }?.code == .wrongKind)
    try tree.remove("d/file")
    #expect(try tree.look(at: "d/file", expecting: nil) == .blocked(by: "d"))
    try tree.sweep()
    #expect(try folder.names(below: "user") == ["d/", "d/file"])
    #expect(try folder.text("user/d/file") == "mine")
    let place = try tree.displace("d/file")
    #expect(try linkTarget(folder.path + "/" + place) == folder["user/d"], "the link is moved, not what it leads to")
    #expect(try folder.text("user/d/file") == "mine")
  }

  @Test func linksOfOutputsAreWrittenIfTheyStayInside() throws {
    try tree.writeLink(target: "../x", to: "a/link")
    #expect(try tree.look(at: "a/link", expecting: nil) == .link(target: "../x"))
    try tree.writeLink(target: "y", to: "a/link")
    #expect(try tree.look(at: "a/link", expecting: nil) == .link(target: "y"))
    #expect(failure { try tree.writeLink(target: "../../x", to: "a/other") }?.code == .wrongKind)
    #expect(failure { try tree.writeLink(target: "/etc", to: "a/other") }?.code == .wrongKind)
  }

  @Test func aLargeFileIsLinkedReadOnlyWhereItCannotBeCloned() throws {
    let artifact = try objects.store([UInt8](repeating: 3, count: Int(FileOutputTree.smallestHardLink)))
    let hint = try tree.write(artifact, to: "big")
    let status = try #require(try folder.status("out/big"))
    let object = try #require(try objects.look(at: artifact))
    if status.hint.inode == object.hint.inode {
      #expect(status.hint.mode & 0o222 == 0)
      #expect(
        try tree.look(at: "big", expecting: owned("big", artifact, hint)) == .file(artifact, hint, isTrusted: true))
    }
    _ = try tree.write(artifact, to: "big")
    #expect(try folder.names(below: "out") == ["big"], "writing it again leaves no second name")
  }

  @Test(arguments: LinkMode.allCases)
  func everyModeGivesTheSameContent(mode: LinkMode) throws {
    let tree = FileOutputTree(root: folder["out"], objects: objects, linkMode: mode)
    for size in [0, 10, 20 << 10, 2 << 20] {
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 7) }
      let artifact = try objects.store(bytes)
      let path = ByteString("d/\(size)")
      let hint = try tree.write(artifact, to: path)
      #expect(try folder.read("out/d/\(size)") == bytes)
      #expect(try tree.look(at: path, expecting: owned(path, artifact, hint)) == .file(artifact, hint, isTrusted: true))
      #expect(try tree.look(at: path, expecting: nil).artifact == artifact)
    }
  }

  @Test func anotherFileSystemGetsCopies() throws {
    let other = OtherFileSystem()
    guard let path = other.path else { return }
    let tree = FileOutputTree(root: path + "/deep/out", objects: objects, linkMode: .hard)
    let artifact = try objects.store([UInt8](repeating: 3, count: 2 << 20))
    let hint = try tree.write(artifact, to: "a/big")
    #expect(
      try tree.look(at: "a/big", expecting: owned("a/big", artifact, hint)) == .file(artifact, hint, isTrusted: true))
    let place = try tree.displace("a/big")
    #expect(try folder.status(place.display)?.hint.size == 2 << 20, "a displaced file crosses file systems")
    #expect(try tree.look(at: "a/big", expecting: nil) == .missing)
  }

  @Test func aDamagedObjectDoesNotReachTheTree() throws {
    let artifact = try object("good")
    try folder.write("out/a", "old")
    let name = ".reflow/objects/" + ObjectName(artifact).path.display
    try folder.remove(name)
    try folder.write(name, "evil", mode: 0o444)
    let tree = FileOutputTree(root: folder["out"], objects: try FileObjectStore(in: folder[".reflow"]))
    #expect(failure { try tree.write(artifact, to: "a") }?.code == .damaged)
    #expect(failure { try tree.write(artifact, to: "a") }?.code == .notFound)
    #expect(try folder.text("out/a") == "old")
    #expect(try folder.names(below: "out") == ["a"])
  }

  @Test func aFullDiskLeavesTheOldFile() async {
    // A limit on the size of files is a full disk that needs no privilege; it holds for a process of its own.
    await #expect(processExitsWith: .success) {
      let folder = TemporaryFolder()
      let objects = try FileObjectStore(in: folder[".reflow"])
      let tree = FileOutputTree(root: folder["out"], objects: objects)
      let artifact = try objects.store([UInt8](repeating: 65, count: 5_000))
      try folder.write("out/a", "old")
      // The signal that comes with it would end the process.
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 1_000, rlim_max: 1_000)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      let writing = failure { try tree.write(artifact, to: "a") }
      let storing = failure { try objects.store([UInt8](repeating: 66, count: 5_000)) }
      precondition(writing?.code == .noSpace && storing?.code == .noSpace)
      let text = try folder.text("out/a")
      let names = try folder.names(below: "out") + folder.names(below: ".reflow/tmp")
      precondition(text == "old" && names == ["a"])
      precondition(objects.contains(artifact))
    }
  }

  // MARK: Looking

  @Test func everyKindIsSeenAsWhatItIs() throws {
    #expect(try tree.look(at: "a", expecting: nil) == .missing, "not even the root is there")
    try folder.write("out/file", "text", mode: 0o755)
    try folder.makeFolder("out/empty")
    try folder.write("out/folder/x", "")
    folder.link("out/link", to: "folder")
    folder.makeFIFO("out/fifo")
    #expect(
      try tree.look(at: "file", expecting: nil).artifact
        == Artifact(digest: Digest(hashing: Array("text".utf8)), isExecutable: true, size: 4))
    #expect(try tree.look(at: "empty", expecting: nil) == .emptyFolder)
    #expect(try tree.look(at: "folder", expecting: nil) == .folder)
    #expect(try tree.look(at: "link", expecting: nil) == .link(target: "folder"))
    #expect(try tree.look(at: "fifo", expecting: nil) == .other)
    #expect(try tree.look(at: "none", expecting: nil) == .missing)
    #expect(try tree.look(at: "none/none", expecting: nil) == .missing)
    #expect(try tree.look(at: "file/x", expecting: nil) == .blocked(by: "file"))
    #expect(try tree.look(at: "link/x/y", expecting: nil) == .blocked(by: "link"))
    #expect(try tree.look(at: "folder/x/y", expecting: nil) == .blocked(by: "folder/x"))
  }

  @Test func aHintIsTrustedOnlyOnceTheFileHasRested() throws {
    try folder.write("out/a", "text")
    guard case .file(_, _, let early) = try tree.look(at: "a", expecting: nil) else {
      Issue.record("no file")
      return
    }
    usleep(30_000)
    guard case .file(_, _, let late) = try tree.look(at: "a", expecting: nil) else {
      Issue.record("no file")
      return
    }
    #expect(!early && late)
  }

  @Test func manyLooksGiveWhatSingleOnesGive() throws {
    var expected: [OwnedOutput] = []
    let artifact = try object("text")
    for number in 0..<1_500 {
      let path = ByteString("\(number % 7)/\(number % 11)/\(number)")
      switch number % 5 {
      case 0: expected.append(owned(path, artifact, try tree.write(artifact, to: path)))
      case 1:
        try folder.write("out/" + path.display, "edited \(number)")
        expected.append(owned(path, artifact, nil))
      case 2: expected.append(owned(path, artifact, nil))
      case 3:
        try folder.makeFolder("out/" + path.display)
        expected.append(owned(path, artifact, nil))
      case _:
        let top = ByteString("\(number)-top")
        expected.append(owned(top, artifact, try tree.write(artifact, to: top)))
      }
    }
    let looks = try tree.look(at: expected)
    let single = try expected.map { try tree.look(at: $0.path, expecting: $0) }
    #expect(looks.map(\.artifact) == single.map(\.artifact))
    #expect(looks.count { $0 == .missing } == 300 && looks.count { $0 == .emptyFolder } == 300)
  }

  // MARK: Removing and displacing

  @Test func removingTakesTheFoldersThatItLeavesEmpty() throws {
    let artifact = try object("x")
    for path: ByteString in ["a/b/c/1", "a/b/2", "top"] { _ = try tree.write(artifact, to: path) }
    try tree.remove("a/b/c/1")
    #expect(try folder.names(below: "out") == ["a/", "a/b/", "a/b/2", "top"])
    try tree.remove("a/b/2")
    try tree.remove("top")
    try tree.remove("top")
    try tree.remove("never/there")
    #expect(try folder.names(below: "out") == [])
    #expect(try folder.status("out")?.kind == .folder, "the root stays")
    try tree.makeFolder("e/f")
    try tree.remove("e/f")
    #expect(try folder.names(below: "out") == [])
  }

  @Test func aFolderThatHoldsSomethingIsNotRemoved() throws {
    try folder.write("out/a/b", "x")
    #expect(failure { try tree.remove("a") }?.code == .wrongKind)
    #expect(try folder.text("out/a/b") == "x")
  }

  @Test func aDisplacedFileIsKeptAsItWas() throws {
    try folder.write("out/a/b", "edited", mode: 0o600)
    let before = try #require(try folder.status("out/a/b")).hint
    let place = try tree.displace("a/b")
    #expect(place.display.hasPrefix(".reflow/displaced/20") && place.display.hasSuffix("-1/a/b"))
    let after = try #require(try folder.status(place.display)).hint
    #expect(after.inode == before.inode && after.mode == before.mode)
    #expect(after.modifiedNanoseconds == before.modifiedNanoseconds)
    #expect(try folder.names(below: "out") == [])
  }

  @Test func nothingDisplacedIsEverReplaced() throws {
    var places: Set<ByteString> = []
    for text in ["one", "two", "three"] {
      try folder.write("out/a/b", text)
      let place = try tree.displace("a/b")
      #expect(places.insert(place).inserted)
      #expect(try folder.text(place.display) == text)
    }
    try folder.write("out/a", "file where a folder was displaced before")
    #expect(places.insert(try tree.displace("a")).inserted)
    try folder.write("out/a/b/c", "file below what was a file")
    #expect(places.insert(try tree.displace("a/b/c")).inserted)
    #expect(try Set(folder.names(below: ".reflow/displaced")).count >= places.count)
    for place in places { #expect(try folder.status(place.display) != nil) }
  }

  @Test func aWholeFolderAndWhatBlocksTheWayCanBeDisplaced() throws {
    try folder.write("out/a/b/c", "deep")
    let place = try tree.displace("a")
    #expect(try folder.text(place.display + "/b/c") == "deep")
    try folder.write("out/x", "file")
    let blocker = try tree.displace("x/y/z")
    #expect(try folder.text(blocker.display) == "file")
    _ = try tree.write(object("new"), to: "x/y/z")
    #expect(failure { try tree.displace("none") }?.code == .notFound)
  }

  @Test func sweepingRemovesOnlyTemporaryNames() throws {
    try folder.write("out/a/.reflow-tmp-12-34-5", "half")
    try folder.write("out/.reflow-tmp-12-34-6", "half")
    try folder.write("out/a/.reflow", "kept")
    try folder.write("elsewhere/.reflow-tmp-1-1-1", "kept")
    folder.link("out/away", to: "../elsewhere")
    try tree.sweep()
    #expect(try folder.names(below: "out") == ["a/", "a/.reflow", "away"])
    #expect(try folder.text("elsewhere/.reflow-tmp-1-1-1") == "kept")
  }

  @Test func theRootMayBeALink() throws {
    try folder.makeFolder("scratch")
    folder.link("out", to: "scratch")
    _ = try tree.write(object("x"), to: "a")
    #expect(try folder.text("scratch/a") == "x")
  }
}

extension OutputLook {
  var artifact: Artifact? { if case .file(let artifact, _, _) = self { artifact } else { nil } }
}

/// A folder on another file system than `/tmp`, where this machine has one.
final class OtherFileSystem {
  let path: ByteString?

  init() {
    var template = Array("/dev/shm/reflow-storage-XXXXXX".utf8CString)
    let made = mkdtemp(&template) != nil ? ByteString(bytes: template.dropLast().map { UInt8(bitPattern: $0) }) : nil
    let device = made.flatMap { try? FileStatus.of($0) }?.hint.device
    path = device != nil && device != (try? FileStatus.of("/tmp"))?.hint.device ? made : nil
    if path == nil, let made { withCString(made) { _ = rmdir($0) } }
  }

  deinit { if let path { try? removeTree(path, in: AT_FDCWD, path) } }
}
