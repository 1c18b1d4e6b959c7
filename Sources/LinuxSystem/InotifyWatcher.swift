package import BuildGraph
import CLinux
package import Diagnostics
@preconcurrency import Glibc
package import Ports
import Synchronization

/// Watches folders by inotify.
///
/// What inotify cannot see, stores through `mmap` and writes through a hard link in another folder, is found by the next full look.
/// `IN_MODIFY` is heard of too, since who asks for a build means what files hold now, closed or not. The kernel merges equal events that
/// follow each other; ``await(timeoutSeconds:)`` gives a file that is being written without end time to pile them up.
package final class InotifyWatcher: Watcher {
  private struct Tables {
    /// One folder may be reached by several paths (links); the kernel gives them one descriptor.
    var folders: [Int32: [Path]] = [:]
    var descriptors: [Path: Int32] = [:]
    var watched: [Path: WatchedFolder] = [:]
    /// Which folder lay at a path when it was watched: after a mount or an unmount another one may.
    var identities: [Path: FolderIdentity] = [:]
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    /// How many takes in a row brought nothing but files that are being written.
    var writesInARow = 0
    var haveMountsChanged = false
  }

  private struct FolderIdentity: Equatable {
    var device: UInt64
    var inode: UInt64
  }

  /// A save is a few such takes and then its end, which must not wait.
  private static let writesWorthWaiting = 64
  private static let microsecondsForWrites: UInt32 = 5_000

  /// File systems on which another machine, or a process behind the kernel, may change files unseen: NFS, FUSE, 9p, SMB and CIFS,
  /// AFS, Ceph, Coda, VirtualBox folders. See: man 2 statfs.
  private static let silentFileSystems: Set<UInt64> = [
    0x6969, 0x6573_5546, 0x0102_1997, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x5346_414F, 0x00C3_6400, 0x7375_7245,
    0x786F_4256,
  ]

  private static let mask =
    UInt32(
      IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF)
    | UInt32(IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)

  private let roots: [ByteString]
  private let queue: Int32
  private let wakeReader: Int32
  private let wakeWriter: Int32
  /// Says when the table of mounts changes, which inotify does not. See: man 5 proc_pid_mountinfo. Negative where there is no /proc.
  private let mounts: Int32
  private let tables = Mutex(Tables())
  private let isDeaf: Bool

  /// - Parameters:
  ///   - roots: Absolute folders, by index of `RootID`.
  ///   - isDeaf: Every file system is taken for one that tells nothing.
  /// - Throws: `limit` where the user has no inotify instance left.
  package init(roots: [ByteString], isDeaf: Bool = false) throws(SystemError) {
    self.roots = roots
    self.isDeaf = isDeaf
    queue = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    if queue < 0 {
      throw SystemError(
        .limit,
        "cannot watch files: all inotify instances are in use; close another watcher, or raise the limit with: "
          + "sysctl fs.inotify.max_user_instances=512", errno: errno)
    }
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      let reason = errno
      close(queue)
      throw SystemError(.limit, "cannot watch files: \(String(cString: strerror(reason)))", errno: reason)
    }
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    wakeReader = ends[0]
    wakeWriter = ends[1]
    mounts = openAt(anywhere, "/proc/self/mountinfo", O_RDONLY)
    // What has changed before now is none of our business.
    _ = haveMountsChanged()
  }

  deinit {
    close(queue)
    close(wakeReader)
    close(wakeWriter)
    if mounts >= 0 { close(mounts) }
  }

  package func watch(_ folder: Path) throws(SystemError) -> WatchedFolder {
    let host = hostPath(folder)
    // Under the lock: an event that comes at once must find its folder in the tables.
    let result: Result<WatchedFolder, SystemError> = tables.withLock { tables in
      if let known = tables.watched[folder] { return .success(known) }
      if isDeaf { return listen(to: folder, host, &tables) }
      let descriptor = host.withCString { inotify_add_watch(queue, $0, Self.mask) }
      guard descriptor >= 0 else { return .failure(Self.error(errno, watching: host)) }
      tables.folders[descriptor, default: []].append(folder)
      tables.descriptors[folder] = descriptor
      tables.identities[folder] = Self.identity(of: host)
      let watched = Self.survey(host)
      tables.watched[folder] = watched
      return .success(watched)
    }
    return try result.get()
  }

  private static func identity(of host: ByteString) -> FolderIdentity? {
    var figures = reflow_stat()
    guard statAt(anywhere, host, follow: true, into: &figures) == 0 else { return nil }
    return FolderIdentity(device: figures.device, inode: figures.inode)
  }

  private func haveMountsChanged() -> Bool {
    guard mounts >= 0 else { return false }
    var descriptor = pollfd(fd: mounts, events: Int16(POLLPRI), revents: 0)
    return poll(&descriptor, 1, 0) > 0 && descriptor.revents & Int16(POLLPRI | POLLERR) != 0
  }

  /// Folders that have been covered, or uncovered, are no longer the ones that are watched.
  private func findCovered(_ tables: inout Tables, into events: inout [WatchEvent]) {
    for folder in tables.descriptors.keys.sorted()
    where tables.identities[folder] != Self.identity(of: hostPath(folder)) {
      forget(folder, &tables)
      events.append(.gone(folder))
    }
  }

  /// What ``watch(_:)`` does where nothing is to be heard.
  private func listen(
    to folder: Path, _ host: ByteString, _ tables: inout Tables
  ) -> Result<WatchedFolder, SystemError> {
    let opened = openAt(anywhere, host, placeOnly | O_DIRECTORY)
    guard opened >= 0 else { return .failure(Self.error(-opened, watching: host)) }
    close(opened)
    var watched = Self.survey(host)
    watched.isNotifying = false
    tables.watched[folder] = watched
    return .success(watched)
  }

  /// Whether the file system tells of changes, and the links among the names.
  private static func survey(_ host: ByteString) -> WatchedFolder {
    let opened = openAt(anywhere, host, O_RDONLY | O_DIRECTORY | O_NONBLOCK)
    guard opened >= 0 else { return WatchedFolder() }
    defer { close(opened) }
    var kind: UInt64 = 0
    let isSilent = reflow_filesystem_kind(opened, &kind) == 0 && silentFileSystems.contains(kind)
    var links: [ByteString] = []
    for entry in names(inFolder: opened).names {
      if entry.kind == UInt8(DT_LNK) {
        links.append(entry.name)
      } else if entry.kind == UInt8(DT_UNKNOWN), linkTarget(opened, entry.name) != nil {
        links.append(entry.name)
      }
    }
    return WatchedFolder(isNotifying: !isSilent, links: links)
  }

  package func unwatch(_ folder: Path) {
    tables.withLock { forget(folder, &$0) }
  }

  private func forget(_ folder: Path, _ tables: inout Tables) {
    tables.watched[folder] = nil
    tables.identities[folder] = nil
    guard let descriptor = tables.descriptors.removeValue(forKey: folder) else { return }
    tables.folders[descriptor]?.removeAll { $0 == folder }
    if tables.folders[descriptor]?.isEmpty == true {
      tables.folders[descriptor] = nil
      inotify_rm_watch(queue, descriptor)
    }
  }

  package func links(in folder: Path) -> [ByteString] { Self.survey(hostPath(folder)).links }

  package func places(behind link: Path) -> [ByteString] {
    var places: [ByteString] = []
    var place = hostPath(link)
    // As many links as the kernel follows. See: man 7 path_resolution.
    while places.count < 40, let target = linkTarget(anywhere, place) {
      let isAbsolute = target.bytes.first == UInt8(ascii: "/")
      let next = isAbsolute ? target : place.parent + "/" + target
      place = Self.withCanonicalParent(next)
      places.append(place)
    }
    return places
  }

  /// The path with its folder free of links and of `..`, as far as the folder exists.
  private static func withCanonicalParent(_ path: ByteString) -> ByteString {
    var folder = path.parent
    var rest = [ByteString(bytes: Array(path.components.last ?? []))]
    while true {
      let resolved: ByteString? = folder.withCString { text in
        guard let found = realpath(text, nil) else { return nil }
        defer { free(found) }
        return ByteString(bytes: Array(UnsafeRawBufferPointer(start: found, count: strlen(found))))
      }
      if let resolved {
        let prefix = resolved == "/" ? ByteString() : resolved
        return rest.reversed().reduce(prefix) { $0 + "/" + $1 }
      }
      guard let last = folder.components.last else { return path }
      rest.append(ByteString(bytes: Array(last)))
      folder = folder.parent
    }
  }

  package func await(timeoutSeconds: Double?) throws(SystemError) {
    if tables.withLock({ $0.writesInARow > Self.writesWorthWaiting }) { usleep(Self.microsecondsForWrites) }
    var descriptors = [
      pollfd(fd: queue, events: Int16(POLLIN), revents: 0), pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0),
      pollfd(fd: mounts, events: Int16(POLLPRI), revents: 0),
    ]
    let timeout = timeoutSeconds.map { Int32(min(max(0, $0) * 1000, 1e9).rounded(.up)) } ?? -1
    let ready = poll(&descriptors, 3, timeout)
    // Asking is what makes the change known: `take` must hear of it too.
    if ready > 0, descriptors[2].revents != 0 { tables.withLock { $0.haveMountsChanged = true } }
    if ready < 0, errno != EINTR {
      throw SystemError(.other, "cannot wait for changes: \(String(cString: strerror(errno)))", errno: errno)
    }
  }

  package func take() throws(SystemError) -> [WatchEvent] {
    tables.withLock { tables in
      var events: [WatchEvent] = []
      drainWakes(into: &events)
      if haveMountsChanged() || tables.haveMountsChanged {
        tables.haveMountsChanged = false
        findCovered(&tables, into: &events)
      }
      while true {
        let count = read(queue, &tables.buffer, tables.buffer.count)
        if count > 0 {
          parse(count, &tables, into: &events)
        } else if count < 0, errno == EINTR {
          continue
        } else {
          note(events, &tables)
          return events
        }
      }
    }
  }

  private func note(_ events: [WatchEvent], _ tables: inout Tables) {
    if events.isEmpty { return }
    let areWrites = events.allSatisfy { event in
      if case .changed(.modified, _, _) = event { return true }
      return false
    }
    tables.writesInARow = areWrites ? tables.writesInARow + 1 : 0
  }

  package func interrupt() {
    var byte: UInt8 = 1
    // A full pipe already holds a wake-up.
    _ = write(wakeWriter, &byte, 1)
  }

  private func drainWakes(into events: inout [WatchEvent]) {
    var bytes = [UInt8](repeating: 0, count: 64)
    var isInterrupted = false
    while read(wakeReader, &bytes, bytes.count) > 0 { isInterrupted = true }
    if isInterrupted { events.append(.interrupted) }
  }

  private func parse(_ count: Int, _ tables: inout Tables, into events: inout [WatchEvent]) {
    let header = MemoryLayout<inotify_event>.size
    var found: [(descriptor: Int32, mask: UInt32, name: ByteString)] = []
    tables.buffer.withUnsafeBytes { bytes in
      var offset = 0
      while offset + header <= count {
        // The kernel pads names, so that each event is aligned; loaded unaligned all the same.
        let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
        let nameEnd = min(offset + header + Int(event.len), count)
        let name = ByteString(bytes: Array(bytes[(offset + header)..<nameEnd].prefix { $0 != 0 }))
        found.append((event.wd, event.mask, name))
        offset = nameEnd
      }
    }
    for event in found {
      note(descriptor: event.descriptor, mask: event.mask, name: event.name, &tables, into: &events)
    }
  }

  private func note(
    descriptor: Int32, mask: UInt32, name: ByteString, _ tables: inout Tables, into events: inout [WatchEvent]
  ) {
    func has(_ bit: Int32) -> Bool { mask & UInt32(bitPattern: bit) != 0 }
    if has(IN_Q_OVERFLOW) {
      events.append(.overflowed)
      return
    }
    guard let paths = tables.folders[descriptor] else { return }
    if has(IN_DELETE_SELF) || has(IN_MOVE_SELF) || has(IN_UNMOUNT) || has(IN_IGNORED) {
      if has(IN_MOVE_SELF) { inotify_rm_watch(queue, descriptor) }
      tables.folders[descriptor] = nil
      for path in paths {
        tables.descriptors[path] = nil
        tables.watched[path] = nil
        tables.identities[path] = nil
        events.append(.gone(path))
      }
      return
    }
    let change: WatchEvent.Change
    if has(IN_CLOSE_WRITE) {
      change = .written
    } else if has(IN_MODIFY) {
      change = .modified
    } else if has(IN_CREATE) {
      change = .created
    } else if has(IN_MOVED_TO) {
      change = .movedIn
    } else if has(IN_DELETE) {
      change = .removed
    } else if has(IN_MOVED_FROM) {
      change = .movedOut
    } else {
      change = .attributes
    }
    for path in paths { events.append(.changed(change, name: name, in: path)) }
  }

  private func hostPath(_ path: Path) -> ByteString {
    let root = roots[Int(path.root.index)]
    return path.bytes.isEmpty ? root : root + "/" + path.bytes
  }

  // See: man 2 inotify_add_watch
  private static func error(_ reason: Int32, watching folder: ByteString) -> SystemError {
    let name = folder.display
    switch reason {
    case ENOSPC:
      return SystemError(
        .limit,
        "cannot watch '\(name)': all inotify watches are in use; raise the limit with: "
          + "sysctl fs.inotify.max_user_watches=1048576", errno: reason)
    case ENOMEM:
      return SystemError(.limit, "cannot watch '\(name)': the system has no memory left for it", errno: reason)
    // A link that leads back to itself leads nowhere, until one of those on the way is another.
    case ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG:
      return SystemError(.notFound, "cannot watch '\(name)': no such folder", errno: reason)
    case EACCES:
      return SystemError(.notPermitted, "cannot watch '\(name)': permission denied; make it readable", errno: reason)
    case _:
      return SystemError(.other, "cannot watch '\(name)': \(String(cString: strerror(reason)))", errno: reason)
    }
  }
}
