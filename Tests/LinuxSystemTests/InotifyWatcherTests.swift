import BuildGraph
import Diagnostics
import Foundation
import Glibc
import LinuxSystem
import Ports
import Testing

/// Real inotify on a real folder. What happened is read until a marker file shows up, so no test waits for a time.
@Suite struct InotifyWatcherTests {
  private let folder: URL
  private let watcher: InotifyWatcher

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("watcher-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    watcher = try InotifyWatcher(roots: [ByteString(folder.path)])
  }

  private func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }

  /// Makes an empty file without opening it: a child that another test is just starting may hold any open file for a while, and its closing
  /// would be heard of later.
  private func make(_ name: String) {
    #expect(mknod(folder.appendingPathComponent(name).path, S_IFREG | 0o644, 0) == 0)
  }

  /// Everything that happened in the root before a marker was written.
  private func eventsSoFar() throws -> [WatchEvent] {
    try write("", to: "marker")
    var events: [WatchEvent] = []
    while true {
      events += try watcher.wait(timeoutSeconds: 60)
      let end = events.firstIndex { if case .changed(_, name: "marker", in: _) = $0 { true } else { false } }
      if let end { return Array(events[..<end]) }
    }
  }

  @Test func aWriteIsSeenWhenTheFileIsClosed() throws {
    make("x")
    _ = try watcher.watch(Path(""))
    let handle = try FileHandle(forWritingTo: folder.appendingPathComponent("x"))
    try handle.write(contentsOf: Data("b".utf8))
    #expect(try watcher.wait(timeoutSeconds: 60) == [.changed(.modified, name: "x", in: Path(""))])
    try handle.close()
    #expect(try watcher.wait(timeoutSeconds: 60) == [.changed(.written, name: "x", in: Path(""))])
  }

  @Test func namesThatComeAndGoAreSeen() throws {
    make("x")
    _ = try watcher.watch(Path(""))
    try FileManager.default.moveItem(at: folder.appendingPathComponent("x"), to: folder.appendingPathComponent("y"))
    try FileManager.default.removeItem(at: folder.appendingPathComponent("y"))
    #expect(
      try eventsSoFar() == [
        .changed(.movedOut, name: "x", in: Path("")), .changed(.movedIn, name: "y", in: Path("")),
        .changed(.removed, name: "y", in: Path("")),
      ])
  }

  @Test func aRemovedFolderIsSaidToBeGoneAndCanBeWatchedAgain() throws {
    let inner = folder.appendingPathComponent("inner")
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: false)
    _ = try watcher.watch(Path(""))
    _ = try watcher.watch(Path("inner"))
    try FileManager.default.removeItem(at: inner)
    #expect(try eventsSoFar().contains(.gone(Path("inner"))))
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: false)
    _ = try watcher.watch(Path("inner"))
    try write("a", to: "inner/z")
    #expect(try eventsSoFar().contains(.changed(.written, name: "z", in: Path("inner"))))
  }

  @Test func aFolderThatIsMovedAwayIsNoLongerWatched() throws {
    let inner = folder.appendingPathComponent("inner")
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: false)
    _ = try watcher.watch(Path(""))
    _ = try watcher.watch(Path("inner"))
    let moved = folder.appendingPathComponent("moved")
    try FileManager.default.moveItem(at: inner, to: moved)
    try write("a", to: "moved/z")
    let events = try eventsSoFar()
    #expect(events.contains(.gone(Path("inner"))))
    #expect(!events.contains(.changed(.written, name: "z", in: Path("inner"))))
  }

  @Test func aFolderThatIsNotThereIsAnErrorThatNamesIt() throws {
    symlink("circle", folder.appendingPathComponent("circle").path)
    for name in ["nowhere", "circle"] {
      let error = try #require(throws: SystemError.self) { _ = try watcher.watch(Path(ByteString(name))) }
      #expect(error.code == .notFound)
      #expect("\(error)".contains("/\(name)': no such folder"))
    }
  }

  @Test func anInterruptWakesTheWaiter() throws {
    watcher.interrupt()
    watcher.interrupt()
    #expect(try watcher.wait(timeoutSeconds: nil) == [.interrupted])
    #expect(try watcher.wait(timeoutSeconds: 0) == [])
  }

  @Test func namesThatAreNotTextArrive() throws {
    _ = try watcher.watch(Path(""))
    let name: [UInt8] = [0x66, 0xFF, 0x67]
    let path = Array(folder.path.utf8) + [0x2F] + name + [0]
    path.withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { if let start = $0.baseAddress { mkdir(start, 0o755) } }
    }
    #expect(try eventsSoFar() == [.changed(.created, name: ByteString(bytes: name), in: Path(""))])
  }

  @Test func aDeafWatcherListensToNothingAndSaysSo() throws {
    let watcher = try InotifyWatcher(roots: [ByteString(folder.path)], isDeaf: true)
    #expect(try watcher.watch(Path("")).isNotifying == false)
    make("x")
    #expect(try watcher.take() == [])
    #expect(throws: (any Error).self) { _ = try watcher.watch(Path("nowhere")) }
  }
}
