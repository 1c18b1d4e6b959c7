import Foundation
import Glibc

/// A project in a temporary folder, and the built `reflow` to work on it. Removed with the last reference.
final class Workspace {
  /// The project; the working directory of all commands.
  let folder: String
  private let base: String

  /// The binary beside the test bundle.
  static let binary: String =
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path + "/reflow"

  /// The repository's `fixtures/`.
  static let fixtures: String =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../fixtures")
    .standardizedFileURL.path

  /// Whether all these commands are on the path.
  static func has(_ commands: String...) -> Bool {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
    return commands.allSatisfy { command in folders.contains { access("\($0)/\(command)", X_OK) == 0 } }
  }

  /// An empty project, or a copy of a fixture, with some files written on top.
  init(fixture: String? = nil, _ files: [String: String] = [:]) throws {
    base = "/tmp/reflow-test-" + UUID().uuidString
    folder = base + "/project"
    try FileManager.default.createDirectory(atPath: base + "/logs", withIntermediateDirectories: true)
    if let fixture {
      try FileManager.default.copyItem(atPath: Self.fixtures + "/" + fixture, toPath: folder)
      for leftover in ["out", ".reflow"] { try? FileManager.default.removeItem(atPath: folder + "/" + leftover) }
    } else {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    for (path, text) in files { try write(path, text) }
  }

  /// A copy at another place: all that is in the folder, state included, with new inodes and times.
  init(copyOf other: Workspace) throws {
    base = "/tmp/reflow-test-" + UUID().uuidString
    folder = base + "/another/place/project"
    try FileManager.default.createDirectory(atPath: base + "/logs", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: base + "/another/place", withIntermediateDirectories: true)
    // Only contents and modes: `cp` without -p sets new times.
    _ = try run("cp", ["-r", "--preserve=mode,links", other.folder, folder], in: base)
  }

  deinit {
    // Objects and folders may be read-only.
    if let process = try? RunningProcess(
      ["sh", "-c", "chmod -R u+rwX \"$1\" 2>/dev/null; rm -rf \"$1\"", "sh", base], in: "/tmp",
      environment: ["PATH": "/usr/bin:/bin"],
      logs: "/tmp")
    {
      _ = process.wait()
      process.discardLogs()
    }
  }

  // MARK: Files

  func path(_ relative: String) -> String { relative.isEmpty ? folder : folder + "/" + relative }

  /// Writes a file, in place if it is there, with the folders that it needs.
  func write(_ path: String, _ text: String) throws {
    let place = self.path(path)
    try FileManager.default.createDirectory(
      atPath: (place as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try openFiles.withLock { try Data(text.utf8).write(to: URL(fileURLWithPath: place)) }
  }

  func append(_ text: String, to path: String) throws { try write(path, read(path) + text) }

  /// Replaces all occurrences of a piece of a file, which must be there.
  func edit(_ path: String, replacing old: String, with new: String) throws {
    let text = try read(path)
    guard text.contains(old) else { throw Missing(text: old, path: path) }
    try write(path, text.replacingOccurrences(of: old, with: new))
  }

  func read(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: self.path(path))), as: UTF8.self)
  }

  func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(self.path(path), &status) == 0
  }

  /// Removes a file, or a folder with all that is in it, in one moment: what is watched may be filled again while it is being emptied.
  func remove(_ path: String) throws {
    let place = self.path(path)
    if unlink(place) == 0 { return }
    guard rename(place, outside("removed-" + UUID().uuidString)) == 0 else { throw Missing(text: "", path: path) }
  }

  func link(_ path: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: self.path(path), withDestinationPath: target)
  }

  /// Moves a file's modification time, and nothing else about it.
  func shiftModificationTime(_ path: String, seconds: Int) throws {
    var status = stat()
    guard lstat(self.path(path), &status) == 0 else { throw Missing(text: "", path: path) }
    var times = [status.st_atim, status.st_mtim]
    times[1].tv_sec += seconds
    utimensat(AT_FDCWD, self.path(path), &times, AT_SYMLINK_NOFOLLOW)
  }

  struct Missing: Error {
    var text: String
    var path: String
  }

  /// What a folder holds: contents and modes by relative path.
  func snapshot(_ root: String = "out") throws -> [String: Entry] {
    var entries: [String: Entry] = [:]
    guard let walk = FileManager.default.enumerator(atPath: path(root)) else { return [:] }
    for case let name as String in walk {
      let place = path(root) + "/" + name
      var status = stat()
      guard lstat(place, &status) == 0 else { continue }
      let kind = status.st_mode & S_IFMT
      if kind == S_IFDIR { continue }
      entries[name] = Entry(
        bytes: kind == S_IFREG ? try Data(contentsOf: URL(fileURLWithPath: place)) : Data(),
        isExecutable: status.st_mode & 0o100 != 0, isLink: kind == S_IFLNK, inode: status.st_ino,
        modified: status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec)
    }
    return entries
  }

  /// The texts of a folder by relative path.
  func texts(_ root: String = "out") throws -> [String: String] {
    try snapshot(root).mapValues { String(decoding: $0.bytes, as: UTF8.self) }
  }

  struct Entry: Equatable {
    var bytes: Data
    var isExecutable: Bool
    var isLink: Bool
    /// Changes where a file was written again, even with the same content.
    var inode: UInt
    var modified: Int
  }

  // MARK: Commands

  private static func environment(adding extra: [String: String]) -> [String: String] {
    var variables = ["HOME": "/tmp", "TERM": "dumb", "LC_ALL": "C.UTF-8"]
    variables["PATH"] = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return variables.merging(extra) { $1 }
  }

  /// Runs any command in the project.
  func run(
    _ command: String, _ arguments: [String] = [], in place: String? = nil, environment: [String: String] = [:]
  ) throws -> Execution {
    try start(command, arguments, in: place, environment: environment).wait()
  }

  func start(
    _ command: String, _ arguments: [String] = [], in place: String? = nil, environment: [String: String] = [:]
  ) throws -> RunningProcess {
    try RunningProcess(
      [command] + arguments, in: place ?? folder, environment: Self.environment(adding: environment),
      logs: base + "/logs")
  }

  /// Runs `reflow` with these arguments.
  func reflow(_ arguments: String..., in place: String? = nil, environment: [String: String] = [:]) throws -> Execution
  {
    try run(Self.binary, arguments, in: place, environment: environment)
  }

  /// Runs `reflow build` with these arguments and reads its events.
  func build(_ arguments: String..., environment: [String: String] = [:]) throws -> Build {
    try build(arguments, environment: environment)
  }

  /// A place outside the project.
  func outside(_ name: String) -> String { base + "/" + name }

  func build(_ arguments: [String], environment: [String: String] = [:], prefix: [String] = []) throws -> Build {
    let events = outside("logs/events-" + UUID().uuidString)
    let command = prefix + [Self.binary, "build", "--events", events] + arguments
    let execution = try run(command[0], Array(command.dropFirst()), environment: environment)
    return try Build(execution, eventsPath: events)
  }
}

extension RunningProcess {
  /// Removes the files of output.
  func discardLogs() { for path in logs { unlink(path) } }
}
