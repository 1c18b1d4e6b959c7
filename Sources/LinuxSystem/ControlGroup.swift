import BuildGraph
import CLinux
import Glibc
import Synchronization

/// A control group for the steps of one worker, that limits their memory together. Goes with its worker.
///
/// Below our own group, where that can be written: as root on a machine with version 1 or 2, or where a group was delegated to us. Elsewhere
/// there is none, and workers look at the memory of their steps now and then instead.
final class ControlGroup: Sendable {
  private static let next = Atomic<Int>(0)
  /// The folder of our own memory group and whether it is of version 1; nil where groups cannot be made.
  private static let parent: (path: String, isOld: Bool)? = findParent()

  private let path: String
  private let isOld: Bool
  private let list: Descriptor
  private let state = Mutex(State())

  private struct State {
    var limit: Int64?
    var kills = 0
  }

  private init(path: String, isOld: Bool, list: Int32) {
    self.path = path
    self.isOld = isOld
    self.list = Descriptor(list)
  }

  /// Open on the file that takes the numbers of processes.
  var processes: Int32 { list.number }

  static func make() -> ControlGroup? {
    guard let parent else { return nil }
    let path = "\(parent.path)/reflow-\(getpid())-\(next.add(1, ordering: .relaxed).oldValue)"
    guard mkdir(path, 0o755) == 0 else { return nil }
    let list = open("\(path)/cgroup.procs", O_WRONLY | O_CLOEXEC)
    guard list >= 0, access("\(path)/\(limitFile(parent.isOld))", W_OK) == 0 else {
      if list >= 0 { close(list) }
      rmdir(path)
      return nil
    }
    return ControlGroup(path: path, isOld: parent.isOld, list: list)
  }

  deinit { rmdir(path) }

  private static func limitFile(_ isOld: Bool) -> String { isOld ? "memory.limit_in_bytes" : "memory.max" }

  /// Sets what all processes in it may have together; nil for as much as there is. Costs nothing where that is as it was.
  func limit(_ bytes: Int64?) {
    let isNews = state.withLock { state in
      defer { state.limit = bytes }
      return state.limit != bytes
    }
    guard isNews else { return }
    let text = bytes.map { "\($0)" } ?? (isOld ? "-1" : "max")
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

  private static func findParent() -> (path: String, isOld: Bool)? {
    guard let groups = Machine.smallText("/proc/self/cgroup") else { return nil }
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let own = fields[2] == "/" ? "" : String(fields[2])
      if fields[1].split(separator: ",").contains("memory") {
        let path = "/sys/fs/cgroup/memory\(own)"
        if access(path, W_OK) == 0 {
          sweep(path)
          return (path, true)
        }
      } else if fields[1].isEmpty {
        let path = "/sys/fs/cgroup\(own)"
        // Children have a controller only where their parent hands it on.
        let handed = Machine.smallText("\(path)/cgroup.subtree_control") ?? ""
        if access(path, W_OK) == 0, handed.split(whereSeparator: \.isWhitespace).contains("memory") {
          sweep(path)
          return (path, false)
        }
      }
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
