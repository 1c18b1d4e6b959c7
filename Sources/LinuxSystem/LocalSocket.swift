package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
import Synchronization

/// One end of a connection between two processes of one user on this machine, for whole messages.
///
/// Sending may be done from any thread; receiving by one.
package final class LocalSocket: Sendable {
  private let descriptor: Descriptor
  private let sending = Mutex<Bool>(true)

  init(_ descriptor: Descriptor) { self.descriptor = descriptor }

  /// Connects to a socket by its folder and name, whatever the length of the path: a socket's own address ends at 107 bytes.
  ///
  /// - Returns: nil where nobody listens, or nobody would answer soon.
  package static func connect(toFolder folder: ByteString, name: String) -> LocalSocket? {
    let opened = openAt(anywhere, folder, placeOnly | O_DIRECTORY)
    guard opened >= 0 else { return nil }
    defer { close(opened) }
    let socket = Descriptor(makeSocket())
    guard socket.number >= 0 else { return nil }
    // A queue that is full would keep us waiting.
    _ = fcntl(socket.number, F_SETFL, O_NONBLOCK)
    let failure = withAddress("/proc/self/fd/\(opened)/\(name)") { Glibc.connect(socket.number, $0, $1) }
    guard failure == 0 else { return nil }
    _ = fcntl(socket.number, F_SETFL, 0)
    return LocalSocket(socket)
  }

  static func makeSocket() -> Int32 { socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0) }

  static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    precondition(bytes.count < MemoryLayout.size(ofValue: address.sun_path), "a descriptor's path is short")
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  /// Sends a message whole.
  ///
  /// - Returns: false where the other end is gone, or has taken nothing for a second; nothing can be sent from then on.
  @discardableResult
  package func send(_ message: [UInt8]) -> Bool {
    sending.withLock { isWhole in
      guard isWhole else { return false }
      var limit = timeval(tv_sec: 1, tv_usec: 0)
      setsockopt(descriptor.number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      let length = UInt32(message.count)
      var bytes = (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * UInt32($0))) } + message
      var sent = 0
      while sent < bytes.count {
        let count = bytes.withUnsafeMutableBytes {
          Glibc.send(
            descriptor.number, $0.baseAddress! + sent, $0.count - sent, Int32(truncatingIfNeeded: MSG_NOSIGNAL))
        }
        if count < 0 {
          if errno == EINTR { continue }
          isWhole = false
          return false
        }
        sent += count
      }
      return true
    }
  }

  /// Waits for a message.
  ///
  /// - Returns: nil where none came in time, the other end is gone, or claims a message longer than the limit.
  package func receive(atMostSeconds seconds: Double, limitBytes: Int) -> [UInt8]? {
    let deadline = Self.monotonic + seconds
    guard let head = receive(count: 4, until: deadline) else { return nil }
    let length = head.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= limitBytes else { return nil }
    return receive(count: length, until: deadline)
  }

  private func receive(count: Int, until deadline: Double) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var taken = 0
    while taken < count {
      var wanted = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
      let rest = max(0, deadline - Self.monotonic)
      let ready = poll(&wanted, 1, Int32((rest * 1000).rounded(.up)))
      if ready == 0 { return nil }
      if ready < 0 {
        if errno == EINTR { continue }
        return nil
      }
      let got = bytes.withUnsafeMutableBytes { recv(descriptor.number, $0.baseAddress! + taken, count - taken, 0) }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { return nil }
      taken += got
    }
    return bytes
  }

  private static var monotonic: Double {
    var instant = timespec()
    clock_gettime(CLOCK_MONOTONIC, &instant)
    return Double(instant.tv_sec) + Double(instant.tv_nsec) / 1e9
  }
}

/// A socket that listens, in a folder. Removed with the last reference.
package final class LocalListener: Sendable {
  private let descriptor: Descriptor
  private let folder: Descriptor
  private let name: String
  private let identity: (device: UInt64, inode: UInt64)

  /// Takes the name over from whoever had it: ask first whether somebody listens there.
  ///
  /// - Throws: `notFound`, `notPermitted`, `noSpace`; `unsupported` where the file system has no sockets.
  package init(inFolder path: ByteString, name: String) throws(SystemError) {
    self.name = name
    let opened = openAt(anywhere, path, placeOnly | O_DIRECTORY)
    guard opened >= 0 else { throw systemError(-opened, "open", path) }
    folder = Descriptor(opened)
    descriptor = Descriptor(LocalSocket.makeSocket())
    guard descriptor.number >= 0 else { throw systemError(errno, "make a socket in", path) }
    let number = descriptor.number
    // By a name of its own and a rename: at every moment the name means one that listens, or one that is dead.
    let temporary = "\(name).\(getpid())"
    _ = unlinkAt(opened, ByteString(temporary))
    let failure = LocalSocket.withAddress("/proc/self/fd/\(opened)/\(temporary)") { address, length in
      guard bind(number, address, length) == 0 else { return errno }
      guard listen(number, 16) == 0 else { return errno }
      return 0
    }
    guard failure == 0 else {
      throw failure == EPERM || failure == EOPNOTSUPP
        ? SystemError(.unsupported, "the file system of '\(path.display)' has no sockets", errno: failure)
        : systemError(failure, "make a socket in", path)
    }
    // Who may not do as the user may is not to make the user's watch work.
    _ = temporary.withCString { fchmodat(opened, $0, 0o600, 0) }
    let renamed = temporary.withCString { old in name.withCString { reflow_rename_at(opened, old, opened, $0, 0) } }
    guard renamed == 0 else { throw systemError(renamed, "make a socket in", path) }
    var figures = reflow_stat()
    _ = statAt(opened, ByteString(name), follow: false, into: &figures)
    identity = (figures.device, figures.inode)
  }

  /// Takes no more connections, wakes who waits for one, and removes the name.
  package func close() {
    shutdown(descriptor.number, Int32(SHUT_RDWR))
    remove()
  }

  private func remove() {
    // It may be another's by now.
    var figures = reflow_stat()
    guard statAt(folder.number, ByteString(name), follow: false, into: &figures) == 0,
      (figures.device, figures.inode) == identity
    else { return }
    _ = unlinkAt(folder.number, ByteString(name))
  }

  deinit { remove() }

  package enum Happening: Sendable {
    case connected(LocalSocket)
    /// Nobody reads standard error any more.
    case unheard
    case nothing
  }

  /// Waits for somebody to connect, or for standard error to lose its reader.
  package static func wait(
    for listener: LocalListener?, watchesErrors: Bool, atMostSeconds seconds: Double
  ) -> Happening {
    var descriptors = [
      pollfd(fd: listener?.descriptor.number ?? -1, events: Int16(POLLIN), revents: 0),
      pollfd(fd: watchesErrors ? STDERR_FILENO : -1, events: 0, revents: 0),
    ]
    guard poll(&descriptors, 2, Int32(seconds * 1000)) > 0 else { return .nothing }
    if descriptors[1].revents & Int16(POLLERR | POLLHUP) != 0 { return .unheard }
    guard let listener, descriptors[0].revents != 0 else { return .nothing }
    let accepted = accept(listener.descriptor.number, nil, nil)
    guard accepted >= 0 else { return .nothing }
    _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
    return .connected(LocalSocket(Descriptor(accepted)))
  }
}
