import BuildGraph
import CLinux
import Diagnostics
import Glibc
import Ports
import Testing

@testable import LinuxSystem

private func fileSystem(_ folders: TemporaryFolder...) -> LinuxFileSystem {
  LinuxFileSystem(roots: folders.map(\.bytes), stateFolder: folders[0].bytes)
}

private func refusal(_ look: Look) -> SystemError? {
  if case .refused(let error) = look { error } else { nil }
}

@Test func hashEqualsXxhsum() throws {
  let folder = TemporaryFolder()
  for size in [0, 1, 32767, 32768, 32769, 300_000, 5_000_000] {
    folder.shell("head -c \(size) /dev/urandom > f; xxhsum -H2 f | cut -d' ' -f1 | tr -d '\\n' > sum")
    let observed = try fileSystem(folder).observe(file: Path("f"))
    #expect(observed.artifact.digest.description == folder.read("sum"))
    #expect(observed.artifact.size == Int64(size))
  }
}

@Test func blocksOfALargeFileAreKnownOnceItIsHashed() throws {
  let folder = TemporaryFolder()
  let system = fileSystem(folder)
  system.keepBlocks(of: [Path("f"), Path("small"), Path("parts")])
  for size in [1_048_576, 3_000_001] {
    folder.shell(
      "head -c \(size) /dev/urandom > f; cp f small; truncate -s 1000 small; mkdir -p parts/a; cp f g; cp f parts/a/p")
    let digest = try system.observe(file: Path("f")).artifact.digest
    let bytes = try system.read(file: Path("f"), limitBytes: .max)
    let blocks = try #require(system.blocks(of: Path("f"), digest))
    #expect(blocks == BlockDigests(hashing: bytes, blockBytes: blocks.blockBytes))
    #expect(system.blocks(of: Path("f"), Digest(hashing: [])) == nil)
    _ = system.observe(files: [Path("g"), Path("parts/a/p")])
    #expect(system.blocks(of: Path("g"), digest) == nil, "nobody makes a table of it")
    #expect(system.blocks(of: Path("parts/a/p"), digest) == blocks)
    let small = try system.observe(file: Path("small")).artifact.digest
    #expect(system.blocks(of: Path("small"), small) == nil)
  }
}

@Test func looksTellFilesFoldersSpecialsAndNothing() throws {
  let folder = TemporaryFolder()
  folder.write("file", "x")
  folder.makeFolder("folder")
  mkfifo(folder.path + "/fifo", 0o600)
  let system = fileSystem(folder)
  let paths = ["file", "folder", "fifo", "none", "file/below", "", "z\0z"].map { Path(ByteString($0)) }
  for looks in [system.look(at: paths), paths.map { system.look(at: $0) }] {
    guard case .file(let hint) = looks[0] else { throw SystemError(.other, "no file") }
    #expect(hint.size == 1)
    guard case .folder = looks[1], case .folder = looks[5] else { throw SystemError(.other, "no folder") }
    #expect(looks[2] == .special)
    #expect(looks[3] == .missing)
    #expect(looks[4] == .missing)
    #expect(refusal(looks[6])?.message.contains("zero byte") == true)
  }
}

@Test func linksLeadIntoDeclaredRootsAndNowhereElse() throws {
  let workspace = TemporaryFolder()
  let declared = TemporaryFolder()
  let foreign = TemporaryFolder()
  declared.write("data", "declared")
  foreign.write("secret", "foreign")
  workspace.write("own", "own")
  workspace.link("inside", to: "own")
  workspace.link("declared", to: declared.path + "/data")
  workspace.link("foreign", to: foreign.path + "/secret")
  workspace.link("foreignFolder", to: foreign.path)
  workspace.link("dangling", to: "nothing-here")
  workspace.link("circle", to: "circle")
  let system = fileSystem(workspace, declared)
  #expect(try system.read(file: Path("inside"), limitBytes: 99) == Array("own".utf8))
  #expect(try system.read(file: Path("declared"), limitBytes: 99) == Array("declared".utf8))
  #expect(try system.roots.resolve(Path("declared")) == ByteString(declared.path + "/data"))
  for path in ["foreign", "foreignFolder/secret", "../\(foreign.path.split(separator: "/").last!)/secret"] {
    #expect(refusal(system.look(at: Path(ByteString(path))))?.message.contains("outside of the workspace") == true)
    #expect(throws: SystemError.self) { try system.observe(file: Path(ByteString(path))) }
  }
  #expect(refusal(system.look(at: Path("dangling")))?.message.contains("'nothing-here', which does not exist") == true)
  #expect(refusal(system.look(at: [Path("dangling")])[0]) != nil)
  #expect(refusal(system.look(at: Path("circle")))?.message.contains("circle") == true)
}

@Test func namesThatAreNotTextWork() throws {
  let folder = TemporaryFolder()
  let name = ByteString(bytes: [0x66, 0xFF, 0xFE])
  folder.shell("bash -c \"printf data > $'f\\xff\\xfe'\"")
  let system = fileSystem(folder)
  #expect(try system.read(file: Path(name), limitBytes: 99) == Array("data".utf8))
  #expect(try system.list(folder: Path("")).entries.contains { $0.path == name })
  #expect(systemError(EACCES, "open", name).message.contains("f\\xff\\xfe"))
}

@Test func whatIsNoFileCannotBeObserved() {
  let folder = TemporaryFolder()
  folder.makeFolder("folder")
  mkfifo(folder.path + "/fifo", 0o600)
  let system = fileSystem(folder)
  func message(_ path: String) -> String {
    do throws(SystemError) {
      _ = try system.observe(file: Path(ByteString(path)))
      return ""
    } catch {
      return error.message
    }
  }
  #expect(message("folder").contains("a folder where a file is meant"))
  #expect(message("fifo").contains("neither a file nor a folder"))
  #expect(message("none").contains("does not exist"))
}

@Test func aFileThatHasNotRestedIsNotTrusted() throws {
  let folder = TemporaryFolder()
  folder.write("ahead", "x")
  folder.write("old", "x")
  folder.shell("touch -d '+1 hour' ahead; touch -d '2001-01-01' old")
  let system = fileSystem(folder)
  #expect(try !system.observe(file: Path("ahead")).isTrusted)
  while try !system.observe(file: Path("old")).isTrusted { usleep(1000) }  // its change time is now
  #expect(try system.observe(file: Path("ahead")).artifact == system.observe(file: Path("old")).artifact)
  // Whole seconds: the file system, or whoever set the time, may keep no finer ones.
  func hint(_ time: Int64) -> FileHint {
    FileHint(device: 0, inode: 0, size: 0, modifiedNanoseconds: time, changedNanoseconds: time, mode: 0)
  }
  #expect(!hint(5_000_000_000).rested(before: 7_000_000_000))
  #expect(hint(5_000_000_000).rested(before: 7_000_000_001))
  #expect(!hint(5_000_000_001).rested(before: 5_010_000_001))
  #expect(hint(5_000_000_001).rested(before: 5_010_000_002))
}

@Test func theExecutableBitIsSeen() throws {
  let folder = TemporaryFolder()
  folder.write("a", "x")
  folder.write("b", "x")
  folder.shell("chmod 600 a; chmod 755 b")
  let system = fileSystem(folder)
  #expect(try !system.observe(file: Path("a")).artifact.isExecutable)
  #expect(try system.observe(file: Path("b")).artifact.isExecutable)
}

@Test func manyFilesAreObservedInTheOrderAsked() {
  let folder = TemporaryFolder()
  for index in 0..<300 { folder.write("f\(index)", String(repeating: "x", count: index)) }
  folder.shell("head -c 3000000 /dev/zero > f7")
  let system = fileSystem(folder)
  let paths = (0..<300).map { Path(ByteString("f\($0)")) } + [Path("missing")]
  let observed = system.observe(files: paths)
  for index in 0..<300 {
    #expect((try? observed[index].get())?.artifact.size == (index == 7 ? 3_000_000 : Int64(index)))
  }
  #expect(throws: SystemError.self) { try observed[300].get() }
}

@Test func listingFollowsLinksAndNamesEmptyFolders() throws {
  let folder = TemporaryFolder()
  folder.write("top/a-b", "")
  folder.write("top/a/c", "")
  folder.write("other/deep/file", "")
  folder.makeFolder("top/empty")
  folder.link("top/linked", to: "../other")
  folder.link("top/broken", to: "gone")
  mkfifo(folder.path + "/top/fifo", 0o600)
  let listing = try fileSystem(folder).list(folder: Path("top"))
  #expect(listing.entries.map(\.path.display) == ["a-b", "a/c", "broken", "empty", "fifo", "linked/deep/file"])
  #expect(listing.folders.map(\.path.display) == ["", "a", "empty", "linked", "linked/deep"])
  #expect(refusal(listing.entries[2].look) != nil)
  #expect(listing.entries[4].look == .special)
}

@Test func aCircleOfFoldersIsAnError() {
  let folder = TemporaryFolder()
  folder.makeFolder("top/sub")
  folder.link("top/sub/up", to: "..")
  var entered: [ByteString] = []
  #expect(throws: SystemError.self) { try fileSystem(folder).list(folder: Path("top")) { entered.append($0) } }
  #expect(entered == ["sub", "sub/up"])
}

@Test func aListingSaysWhatItEntersBeforeItReadsTheNames() throws {
  let folder = TemporaryFolder()
  folder.makeFolder("top/sub/deep")
  let listing = try fileSystem(folder).list(folder: Path("top")) { name in folder.write("top/\(name.display)/new", "") }
  #expect(listing.entries.map(\.path.display) == ["sub/deep/new", "sub/new"])
}

@Test func aNewNameChangesAFolderHint() throws {
  let folder = TemporaryFolder()
  folder.write("top/a", "")
  folder.shell("touch -d '2001-01-01' top")
  let system = fileSystem(folder)
  let before = try system.list(folder: Path("top"))
  folder.write("top/b", "")
  #expect(try system.list(folder: Path("top")).folders[0] != before.folders[0])
}

@Test func theLockSaysWhoHoldsIt() throws {
  let folder = TemporaryFolder()
  let first = StateFileLock(path: folder.bytes + "/lock")
  try first.acquire { _ in Issue.record("nobody holds it") }
  #expect(folder.read("lock")?.hasPrefix("pid \(getpid()) host ") == true)
  let other = openAt(anywhere, folder.bytes + "/lock", O_RDWR)
  #expect(reflow_lock(other, 0) == EAGAIN)
  first.release()
  #expect(reflow_lock(other, 0) == 0)
  close(other)
}

@Test func theMachineHasCoresAndMemory() {
  #expect(Machine.cores >= 1)
  #expect(Machine.memoryBytes > 64 << 20)
}

@Test func ofAFileThatGrowsOnlyWhatIsNewIsHashedAndTheDigestIsThatOfAll() throws {
  let folder = TemporaryFolder()
  let system = fileSystem(folder)
  let path = Path("log")
  folder.write("log", String(repeating: "first\n", count: 5_000))
  #expect(system.generation(of: path) == nil)
  for size in [1, 4_000, 300_000, 0] {
    folder.shell("head -c \(size) /dev/urandom >> log")
    #expect(try system.observe(growing: path).artifact == system.observe(file: path).artifact)
    #expect(system.generation(of: path) == 1)
  }
  #expect(try system.read(file: path, in: 2..<7) == Array("rst\nf".utf8))
  #expect(try system.read(file: path, in: 0..<1_000_000).count == 334_001)
}

@Test func aFileThatWasPromisedToGrowAndDidNotIsAnother() throws {
  let folder = TemporaryFolder()
  let system = fileSystem(folder)
  let path = Path("log")
  // Each leaves another file in the place of 20,000 times `line`.
  for (number, script) in [
    "truncate -s 1000 log", "printf x | dd of=log bs=1 seek=9000 conv=notrunc 2>/dev/null",
    "cp log copy; echo more >> copy; mv copy log; printf x | dd of=log bs=1 seek=99999 conv=notrunc 2>/dev/null",
    "truncate -s 0 log; head -c 200000 /dev/urandom > log",
  ].enumerated() {
    folder.shell("yes line | head -20000 > log")
    _ = try system.observe(growing: path)
    let before = system.generation(of: path)
    // Its times must differ.
    folder.shell("sleep 0.05; \(script)")
    #expect(try system.observe(growing: path).artifact == system.observe(file: path).artifact, "\(number)")
    #expect(system.generation(of: path) != before, "\(number)")
  }
  // What nothing tells of is found by looking at all.
  folder.shell("yes line | head -20000 > log")
  _ = try system.observe(growing: path)
  folder.shell("printf x | dd of=log bs=1 seek=50 conv=notrunc 2>/dev/null; echo more >> log")
  let before = system.generation(of: path)
  system.doubtGrowth()
  #expect(try system.observe(growing: path).artifact == system.observe(file: path).artifact)
  #expect(system.generation(of: path) != before)
  // A doubt that was none leaves it the same.
  let after = system.generation(of: path)
  system.doubtGrowth()
  folder.shell("echo more >> log; touch log")
  #expect(try system.observe(growing: path).artifact == system.observe(file: path).artifact)
  #expect(system.generation(of: path) == after)
}
