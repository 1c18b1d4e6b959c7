package import BuildGraph
package import Diagnostics
@preconcurrency import Glibc
package import Ports

/// Watches folders by inotify.
///
/// What inotify cannot see, stores through `mmap` and writes through a hard link in another folder, is found by the next full look.
/// `IN_MODIFY` is left out on purpose: a file that is being written is of interest when it is closed, and a download would
/// otherwise flood the queue.
package final class InotifyWatcher: Watcher, @unchecked Sendable {
  // Only the waiting thread touches the tables; `interrupt` only writes to the pipe.

  private static let mask =
    UInt32(IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF)
    | UInt32(IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)

  private let roots: [ByteString]
  private let queue: Int32
  private let wakeReader: Int32
  private let wakeWriter: Int32
  /// One folder may be reached by several paths (links); the kernel gives them one descriptor.
  private var folders: [Int32: [Path]] = [:]
  private var descriptors: [Path: Int32] = [:]
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)

  /// - Parameter roots: Absolute folders, by index of `RootID`.
  /// - Throws: `limit` where the user has no inotify instance left.
  package init(roots: [ByteString]) throws(SystemError) {
    self.roots = roots
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
  }

  deinit {
    close(queue)
    close(wakeReader)
    close(wakeWriter)
  }

  package func watch(_ folder: Path) throws(SystemError) {
    guard descriptors[folder] == nil else { return }
    let host = hostPath(folder)
    let descriptor = (host.bytes + [0]).withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { inotify_add_watch(queue, $0.baseAddress, Self.mask) }
    }
    guard descriptor >= 0 else { throw Self.error(errno, watching: folder) }
    folders[descriptor, default: []].append(folder)
    descriptors[folder] = descriptor
  }

  package func unwatch(_ folder: Path) {
    guard let descriptor = descriptors.removeValue(forKey: folder) else { return }
    folders[descriptor]?.removeAll { $0 == folder }
    if folders[descriptor]?.isEmpty == true {
      folders[descriptor] = nil
      inotify_rm_watch(queue, descriptor)
    }
  }

  package func wait(timeoutSeconds: Double?) throws(SystemError) -> [WatchEvent] {
    var descriptors = [
      pollfd(fd: queue, events: Int16(POLLIN), revents: 0), pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0),
    ]
    let timeout = timeoutSeconds.map { Int32(min($0 * 1000, 1e9).rounded(.up)) } ?? -1
    let ready = poll(&descriptors, 2, timeout)
    if ready < 0, errno != EINTR {
      throw SystemError(.other, "cannot wait for changes: \(String(cString: strerror(errno)))", errno: errno)
    }
    var events: [WatchEvent] = []
    drainWakes(into: &events)
    while true {
      let count = read(queue, &buffer, buffer.count)
      if count > 0 {
        parse(count, into: &events)
      } else if count < 0, errno == EINTR {
        continue
      } else {
        return events
      }
    }
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

  private func parse(_ count: Int, into events: inout [WatchEvent]) {
    let header = MemoryLayout<inotify_event>.size
    buffer.withUnsafeBytes { bytes in
      var offset = 0
      while offset + header <= count {
        // The kernel pads names, so that each event is aligned; loaded unaligned all the same.
        let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
        let nameEnd = min(offset + header + Int(event.len), count)
        let name = ByteString(bytes: Array(bytes[(offset + header)..<nameEnd].prefix { $0 != 0 }))
        note(descriptor: event.wd, mask: event.mask, name: name, into: &events)
        offset = nameEnd
      }
    }
  }

  private func note(descriptor: Int32, mask: UInt32, name: ByteString, into events: inout [WatchEvent]) {
    func has(_ bit: Int32) -> Bool { mask & UInt32(bitPattern: bit) != 0 }
    if has(IN_Q_OVERFLOW) {
      events.append(.overflowed)
      return
    }
    guard let paths = folders[descriptor] else { return }
    if has(IN_DELETE_SELF) || has(IN_MOVE_SELF) || has(IN_UNMOUNT) || has(IN_IGNORED) {
      if has(IN_MOVE_SELF) { inotify_rm_watch(queue, descriptor) }
      folders[descriptor] = nil
      for path in paths {
        descriptors[path] = nil
        events.append(.gone(path))
      }
      return
    }
    let change: WatchEvent.Change
    if has(IN_CLOSE_WRITE) {
      change = .written
    } else if has(IN_CREATE) || has(IN_MOVED_TO) {
      change = .appeared
    } else if has(IN_DELETE) || has(IN_MOVED_FROM) {
      change = .vanished
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
  private static func error(_ reason: Int32, watching folder: Path) -> SystemError {
    let name = folder.bytes.isEmpty ? "." : folder.bytes.display
    switch reason {
    case ENOSPC:
      return SystemError(
        .limit,
        "cannot watch '\(name)': all inotify watches are in use; raise the limit with: "
          + "sysctl fs.inotify.max_user_watches=1048576", errno: reason)
    case ENOENT, ENOTDIR:
      return SystemError(.notFound, "cannot watch '\(name)': no such folder", errno: reason)
    case EACCES:
      return SystemError(.notPermitted, "cannot watch '\(name)': permission denied; make it readable", errno: reason)
    case _:
      return SystemError(.other, "cannot watch '\(name)': \(String(cString: strerror(reason)))", errno: reason)
    }
  }
}
