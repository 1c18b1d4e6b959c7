import BuildGraph
import CLinux
import Glibc
import Synchronization

/// A control group for the steps of one worker that have a limit of memory, which it keeps for all processes of one together. Goes with
/// its worker.
///
/// Below our own group, where that can be written: as root on a machine with version 1 or 2, or where a group was delegated to us. Elsewhere
/// there is none, and workers look at the memory of their steps now and then instead.
final class ControlGroup: Sendable {
  /// A group below which others can be made.
  struct Parent: Hashable, Sendable {
    var path: String
    /// Version 1.
    var isOld: Bool
  }

  private static let next = Atomic<Int>(0)
  /// Our own; nil where no groups can be made.
  private static let parent = Machine.smallText("/proc/self/cgroup").flatMap { parent(groups: $0) }

  private let path: String
  private let isOld: Bool
  private let list: Descriptor
  private let state = Mutex(State())

  private struct State {
    var limit: Int64?
    var kills = 0
  }

  /// The group that a folder is; nil where its memory cannot be limited.
  init?(at path: String, isOld: Bool) {
    let list = open("\(path)/cgroup.procs", O_WRONLY | O_CLOEXEC)
    guard list >= 0, access("\(path)/\(Self.limitFile(isOld))", W_OK) == 0 else {
      if list >= 0 { close(list) }
      return nil
    }
    self.path = path
    self.isOld = isOld
    self.list = Descriptor(list)
  }

  /// Whether there is a group below which others can be made.
  static var canBeMade: Bool { parent != nil }

  /// Open on the file that takes the numbers of processes.
  var processes: Int32 { list.number }

  static func make() -> ControlGroup? {
    guard let parent else { return nil }
    let path = "\(parent.path)/reflow-\(getpid())-\(next.add(1, ordering: .relaxed).oldValue)"
    guard mkdir(path, 0o755) == 0 else { return nil }
    let group = ControlGroup(at: path, isOld: parent.isOld)
    if group == nil { rmdir(path) }
    return group
  }

  deinit { rmdir(path) }

  private static func limitFile(_ isOld: Bool) -> String { isOld ? "memory.limit_in_bytes" : "memory.max" }

  /// Sets what all processes in it may have together. Costs nothing where that is as it was.
  func limit(_ bytes: Int64) {
    let isNews = state.withLock { state in
      defer { state.limit = bytes }
      return state.limit != bytes
    }
    guard isNews else { return }
    let text = "\(bytes)"
    let file = open("\(path)/\(Self.limitFile(isOld))", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    _ = write(file, text, text.utf8.count)
  }

  /// Whether the kernel has killed any of its processes for want of memory since the last question.
  func hasKilled() -> Bool {
    let now = kills
    return state.withLock { state in
      defer { state.kills = now }
      return now > state.kills
    }
  }

  private var kills: Int {
    let text = Machine.smallText("\(path)/\(isOld ? "memory.oom_control" : "memory.events")") ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
    return line.flatMap { Int($0.dropFirst("oom_kill ".count)) } ?? 0
  }

  /// Where groups can be made that have a limit of memory.
  ///
  /// - Parameters:
  ///   - groups: the groups that we are in, as `/proc/self/cgroup` lists them.
  ///   - mount: where the hierarchies are mounted.
  static func parent(groups: String, mount: String = "/sys/fs/cgroup") -> Parent? {
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let own = fields[2] == "/" ? "" : String(fields[2])
      let found: Parent
      if fields[1].split(separator: ",").contains("memory") {
        found = Parent(path: "\(mount)/memory\(own)", isOld: true)
      } else if fields[1].isEmpty {
        found = Parent(path: "\(mount)\(own)", isOld: false)
        // Children have a controller only where their parent hands it on.
        let handed = Machine.smallText("\(found.path)/cgroup.subtree_control") ?? ""
        guard handed.split(whereSeparator: \.isWhitespace).contains("memory") else { continue }
      } else {
        continue
      }
      guard access(found.path, W_OK) == 0 else { continue }
      sweep(found.path)
      return found
    }
    return nil
  }

  /// Removes groups of processes that were killed; one that is in use cannot be removed.
  private static func sweep(_ path: String) {
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    defer { close(folder) }
    for entry in names(inFolder: folder).names {
      let words = entry.name.display.split(separator: "-")
      guard words.count == 3, words[0] == "reflow", let owner = pid_t(words[1]), kill(owner, 0) != 0, errno == ESRCH
      else {
        continue
      }
      _ = unlinkAt(folder, entry.name, isFolder: true)
    }
  }
}
