package import BuildGraph
import Diagnostics
@preconcurrency import Glibc

/// `.reflow/jobs/NAME/`: all that a coordinator and the agent in one allocation say to each other, as files.
///
/// Every message is written under another name and renamed, so that it is whole or not there, on any file system that nodes share.
package struct JobFolder: Hashable, Sendable {
  /// Absolute.
  package let path: ByteString

  package init(path: ByteString) { self.path = path }

  package var name: ByteString { Path(path).baseName }

  /// Requests that nobody has taken, by run.
  static let todo: ByteString = "todo"
  /// Requests that the agent has taken.
  static let taken: ByteString = "taken"
  static let done: ByteString = "done"
  /// Results that the coordinator has read; they stay until it has committed them.
  static let kept: ByteString = "kept"
  /// Runs that shall end.
  static let cancel: ByteString = "cancel"
  static let logs: ByteString = "logs"
  /// The agent writes a number here that grows.
  static let beat: ByteString = "beat"
  /// The agent has gone of its own will.
  static let left: ByteString = "left"
  /// Tells the agent to go when it has no work.
  static let stop: ByteString = "stop"
  /// Which job of the cluster it is, and what it has.
  static let job: ByteString = "job"
  /// Where the agent's objects begin.
  static let temporary: ByteString = "tmp"

  func make() throws(SystemError) {
    try Files.makeFolder(path)
    for name in [Self.todo, Self.taken, Self.done, Self.kept, Self.cancel, Self.logs, Self.temporary] {
      try Files.makeFolder(path + "/" + name)
    }
  }

  /// Twelve digits, so that names ascend as runs do.
  static func fileName(of run: Int64) -> ByteString {
    let digits = String(run)
    return ByteString(String(repeating: "0", count: max(0, 12 - digits.count)) + digits)
  }

  static func run(named name: ByteString) -> Int64? {
    name.bytes.first == UInt8(ascii: ".") ? nil : Int64(name.display)
  }

  func place(_ folder: ByteString, _ run: Int64) -> ByteString { path + "/" + folder + "/" + Self.fileName(of: run) }

  /// Runs that are named in one of the folders, ascending.
  func runs(in folder: ByteString) -> [Int64] {
    (Files.names(in: path + "/" + folder) ?? []).compactMap(Self.run(named:)).sorted()
  }

  func write(_ bytes: [UInt8], to name: ByteString) throws(SystemError) {
    try Files.write(bytes, to: path + "/" + name)
  }

  func logPath(of run: Int64) -> ByteString { path + "/logs/" + ByteString("\(run).log") }
}

/// What is written in ``JobFolder/job``.
struct JobDescription: Hashable, Sendable {
  var id: String
  var cpu: Double
  var memory: Int64

  var text: [UInt8] { Array("\(id)\n\(cpu)\n\(memory)\n".utf8) }

  init(id: String, cpu: Double, memory: Int64) {
    self.id = id
    self.cpu = cpu
    self.memory = memory
  }

  init?(text: [UInt8]) {
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    guard lines.count == 3, let cpu = Double(lines[1]), let memory = Int64(lines[2]) else { return nil }
    self.init(id: String(lines[0]), cpu: cpu, memory: memory)
  }
}

/// The few calls that this room makes on files.
enum Files {
  private static func with<Result>(_ path: ByteString, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    var bytes = path.bytes.map { CChar(bitPattern: $0) }
    bytes.append(0)
    // Never nil: the array holds at least its zero.
    return bytes.withUnsafeBufferPointer { body($0.baseAddress!) }
  }

  static func error(_ number: Int32, _ action: String, _ path: ByteString) -> SystemError {
    let code: SystemError.Code =
      switch number {
      case ENOSPC, EDQUOT: .noSpace
      case EACCES, EPERM, EROFS: .notPermitted
      case ENOENT: .notFound
      default: .other
      }
    return SystemError(code, "cannot \(action) '\(path.display)': \(String(cString: strerror(number)))", errno: number)
  }

  /// Also those above it.
  static func makeFolder(_ path: ByteString) throws(SystemError) {
    if with(path, { mkdir($0, 0o755) }) == 0 || errno == EEXIST { return }
    if errno == ENOENT, path.parent != path, !path.parent.isEmpty {
      try makeFolder(path.parent)
      if with(path, { mkdir($0, 0o755) }) == 0 || errno == EEXIST { return }
    }
    throw error(errno, "make", path)
  }

  static func exists(_ path: ByteString) -> Bool { with(path) { access($0, F_OK) } == 0 }

  /// Without `.` and `..`; nil where the folder is not there. Opened anew each time, which makes a network file system ask its server.
  static func names(in folder: ByteString) -> [ByteString]? {
    guard let stream = with(folder, opendir) else { return nil }
    defer { closedir(stream) }
    var names: [ByteString] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { ByteString(bytes: Array($0.prefix { $0 != 0 })) }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  static func read(_ path: ByteString) -> [UInt8]? {
    let descriptor = with(path) { open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EINTR { continue }
        return nil
      }
      bytes += buffer[..<count]
    }
  }

  /// Whole or not at all.
  static func write(_ bytes: [UInt8], to path: ByteString) throws(SystemError) {
    let draft = path.parent + "/." + Path(path).baseName + ".new"
    let descriptor = with(draft) { open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) }
    guard descriptor >= 0 else { throw error(errno, "write", path) }
    var rest = bytes[...]
    var failure: Int32 = 0
    while !rest.isEmpty, failure == 0 {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno != EINTR { failure = errno }
      rest = rest.dropFirst(max(0, count))
    }
    // A network file system may only say at the end that there is no room.
    if close(descriptor) != 0, failure == 0 { failure = errno }
    if failure == 0, !rename(draft, to: path) { failure = errno }
    guard failure == 0 else {
      remove(draft)
      throw error(failure, "write", path)
    }
  }

  @discardableResult
  static func rename(_ old: ByteString, to new: ByteString) -> Bool {
    with(old) { old in with(new) { Glibc.rename(old, $0) == 0 } }
  }

  @discardableResult
  static func remove(_ path: ByteString) -> Bool { with(path) { unlink($0) } == 0 }

  /// When a file was written, in nanoseconds on its file system's clock; renaming is no writing.
  static func writtenNanoseconds(_ path: ByteString) -> Int64? {
    var figures = stat()
    guard with(path, { stat($0, &figures) }) == 0 else { return nil }
    return Int64(figures.st_mtim.tv_sec) * 1_000_000_000 + Int64(figures.st_mtim.tv_nsec)
  }

  /// Removes a file, or a folder with all that is in it, also where an agent that is about to end still writes into it.
  static func removeTree(_ path: ByteString) {
    var figures = stat()
    guard with(path, { lstat($0, &figures) }) == 0 else { return }
    guard figures.st_mode & S_IFMT == S_IFDIR else {
      remove(path)
      return
    }
    _ = with(path) { chmod($0, 0o700) }
    for _ in 0..<3 {
      for name in names(in: path) ?? [] { removeTree(path + "/" + name) }
      if with(path, rmdir) == 0 || errno != ENOTEMPTY { return }
    }
  }
}

extension ByteString {
  /// The folder that an absolute path lies in.
  var parent: ByteString {
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0 else { return "/" }
    return ByteString(bytes: Array(bytes[..<slash]))
  }
}
