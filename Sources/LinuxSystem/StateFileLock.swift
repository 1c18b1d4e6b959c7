package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
import Ports

/// The lock file of `.reflow/`: whoever holds its lock may change the state; the file says who that is.
///
/// The lock is the kernel's and ends with its holder, however that ends. The text is for people only.
package final class StateFileLock: StateLock {
  private let path: ByteString
  private var held: Descriptor?

  /// - Parameter path: absolute; its folder exists.
  package init(path: ByteString) { self.path = path }

  package func acquire(waiting: (_ holder: String) -> Void) throws(SystemError) {
    _ = try take(waits: true, waiting)
  }

  package func tryToAcquire() throws(SystemError) -> Bool { try take(waits: false) { _ in } }

  private func take(waits: Bool, _ waiting: (_ holder: String) -> Void) throws(SystemError) -> Bool {
    guard held == nil else { return true }
    let opened = openAt(anywhere, path, O_RDWR | O_CREAT, mode: 0o644)
    guard opened >= 0 else { throw systemError(-opened, "open the lock", path) }
    let descriptor = Descriptor(opened)
    var failure = reflow_lock(descriptor.number, 0)
    if failure == EAGAIN {
      guard waits else { return false }
      waiting(holder(descriptor))
      failure = reflow_lock(descriptor.number, 1)
    }
    switch failure {
    case 0: break
    case ENOLCK, EINVAL, ENOSYS, EOPNOTSUPP:
      throw SystemError(
        .unsupported,
        "the file system of '\(path.display)' cannot lock files; set `state.local` in reflow.toml to a local folder",
        errno: failure)
    default: throw systemError(failure, "lock", path)
    }
    held = descriptor
    let text = Array("pid \(getpid()) host \(Self.host) boot \(Self.boot)\n".utf8)
    ftruncate(descriptor.number, 0)
    if text.withUnsafeBytes({ pwrite(descriptor.number, $0.baseAddress, $0.count, 0) }) < 0, errno == ENOSPC {
      held = nil
      throw systemError(ENOSPC, "write", path)
    }
    return true
  }

  package func release() {
    guard let held else { return }
    ftruncate(held.number, 0)
    reflow_unlock(held.number)
    self.held = nil
  }

  private func holder(_ descriptor: Descriptor) -> String {
    guard case .success(let bytes?) = readAll(descriptor.number, sizeHint: 256, limitBytes: 4096) else {
      return "another reflow"
    }
    let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" })
    guard words.count >= 4, words[0] == "pid", words[2] == "host" else { return "another reflow" }
    return words[3] == Self.host ? "process \(words[1])" : "process \(words[1]) on \(words[3])"
  }

  /// This machine's name; the lock file names it, since a state folder may be shared over a network.
  private static let host: String = {
    var buffer = [UInt8](repeating: 0, count: 256)
    let failure = buffer.withUnsafeMutableBytes {
      gethostname($0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count - 1)
    }
    let name = String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
    return failure == 0 && !name.isEmpty ? name : "unknown"
  }()

  private static let boot: String =
    Machine.smallText("/proc/sys/kernel/random/boot_id").map { String($0.prefix { $0 != "\n" }) } ?? "unknown"
}
