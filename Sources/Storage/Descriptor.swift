import BuildGraph
import CLinux
import Diagnostics
import Glibc

/// An open file or folder, closed at the end of its life.
struct Descriptor: ~Copyable, Sendable {
  let number: Int32

  /// - Precondition: `number` is open and nobody else's.
  init(owning number: Int32) { self.number = number }

  deinit { close(number) }

  /// Opens a path below a folder (or an absolute one, with `AT_FDCWD`).
  init(
    opening path: ByteString, in folder: Int32 = AT_FDCWD, flags: Int32, mode: mode_t = 0
  ) throws(SystemError) {
    number = try Self.open(path, in: folder, flags: flags, mode: mode)
  }

  /// Opens a folder so that names below it can be given relative to it.
  init(folder path: ByteString, in folder: Int32 = AT_FDCWD) throws(SystemError) {
    number = try Self.open(path, in: folder, flags: O_RDONLY | O_DIRECTORY, mode: 0)
  }

  /// Opens a file for reading, if it is there; a link is not followed.
  static func ifPresent(_ path: ByteString, in folder: Int32 = AT_FDCWD) throws(SystemError) -> Descriptor? {
    // Without waiting for a writer, where it is a FIFO.
    let result = withCString(path) { reflow_open_at(folder, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0) }
    if result == -ENOENT { return nil }
    guard result >= 0 else { throw SystemError(errno: -result, cannot: "open", path) }
    return Descriptor(owning: result)
  }

  private static func open(
    _ path: ByteString, in folder: Int32, flags: Int32, mode: mode_t
  ) throws(SystemError) -> Int32 {
    let result = withCString(path) { reflow_open_at(folder, $0, flags, mode) }
    guard result >= 0 else { throw SystemError(errno: -result, cannot: "open", path) }
    return result
  }

  /// - Parameter path: for the message.
  func status(_ path: ByteString) throws(SystemError) -> FileStatus {
    var figures = reflow_stat()
    let code = reflow_stat_fd(number, &figures)
    guard code == 0 else { throw SystemError(errno: code, cannot: "look at", path) }
    return FileStatus(figures)
  }

  /// XXH3-128 of what lies between the descriptor's offset and its end.
  func hash(_ path: ByteString) throws(SystemError) -> (digest: Digest, size: Int64) {
    var hash = reflow_hash()
    let code = reflow_hash_fd(number, &hash)
    guard code == 0 else { throw SystemError(errno: code, cannot: "read", path) }
    return (Digest(high: hash.high, low: hash.low), Int64(hash.size))
  }

  /// Reads into `buffer` until it is full or the file ends.
  func read(into buffer: UnsafeMutableRawBufferPointer, _ path: ByteString) throws(SystemError) -> Int {
    var done = 0
    while done < buffer.count {
      let count = Glibc.read(number, buffer.baseAddress! + done, buffer.count - done)
      if count == 0 { break }
      if count < 0 {
        let code = errno
        if code == EINTR { continue }
        throw SystemError(errno: code, cannot: "read", path)
      }
      done += count
    }
    return done
  }

  /// Reads at most `limitBytes`, to the end of the file.
  func read(upTo limitBytes: Int, _ path: ByteString) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: limitBytes) { buffer, count in
      do throws(SystemError) {
        count = try read(into: UnsafeMutableRawBufferPointer(buffer), path)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  func write(_ bytes: UnsafeRawBufferPointer, _ path: ByteString) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      let count = Glibc.write(number, bytes.baseAddress! + done, bytes.count - done)
      if count < 0 {
        let code = errno
        if code == EINTR { continue }
        throw SystemError(errno: code, cannot: "write", path)
      }
      done += count
    }
  }

  /// Writes an array whole.
  func write(_ bytes: [UInt8], _ path: ByteString) throws(SystemError) {
    let outcome = bytes.withUnsafeBytes { buffer in
      Result<Void, SystemError> { () throws(SystemError) in try write(buffer, path) }
    }
    try outcome.get()
  }

  func setMode(_ mode: mode_t, _ path: ByteString) throws(SystemError) {
    guard fchmod(number, mode) == 0 else { throw SystemError(errno: errno, cannot: "set permissions of", path) }
  }

  /// Sets the time of modification, nanoseconds since 1970; the time of reading stays.
  func setModified(_ nanoseconds: Int64, _ path: ByteString) throws(SystemError) {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let times = [timespec(tv_sec: 0, tv_nsec: omitted), timespec(tv_sec: Int(seconds), tv_nsec: Int(rest))]
    guard futimens(number, times) == 0 else { throw SystemError(errno: errno, cannot: "set the time of", path) }
  }

  // UTIME_OMIT. See: man 2 utimensat.
  private var omitted: Int { (1 << 30) - 2 }
}
