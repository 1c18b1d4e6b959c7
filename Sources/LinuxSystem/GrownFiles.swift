import BuildGraph
import CLinux
import Glibc
import Ports
import Synchronization

/// Files that only grow, as they were observed last: only what was added is hashed.
final class GrownFiles: Sendable {
  /// Nil as long as there is none: even to release an empty dictionary takes its type, and that a search of all conformances.
  private let files = Mutex<Known?>(nil)

  private final class Known {
    var byPath: [Path: GrownFile] = [:]
  }

  /// The digest of what a file holds up to the size in `hint`; nil where it has become shorter meanwhile.
  ///
  /// - Parameter hint: the figures of what is open, just now.
  func digest(of path: Path, _ descriptor: Int32, _ hint: FileHint) -> Result<Digest?, ErrnoFailure> {
    files.withLock { files in
      let known = files ?? Known()
      files = known
      let file = known.byPath[path] ?? GrownFile()
      known.byPath[path] = file
      return file.digest(descriptor, hint)
    }
  }

  func generation(of path: Path) -> Int? { files.withLock { $0?.byPath[path]?.generation } }

  /// Has all files looked at as a whole when their turn comes.
  func doubt() { files.withLock { files in files?.byPath.values.forEach { $0.isDoubted = true } } }
}

/// One of them.
private final class GrownFile {
  /// Counts the files that it has turned out to be.
  private(set) var generation = 0
  /// Whether all that was hashed is to be looked at again.
  var isDoubted = false
  /// The figures when it was hashed last, up to their size; nil before the first time.
  private var known: FileHint?
  private var knownDigest = Digest(high: 0, low: 0)
  /// Of all bytes that have been hashed, from the first on.
  private var running = RunningDigest()
  /// The last bytes that were hashed.
  private var tail: [UInt8] = []

  private static let tailBytes = 4096
  /// So much is read at once, and stays in a core's cache until it is hashed.
  private static let bufferBytes = 256 << 10

  func digest(_ descriptor: Int32, _ hint: FileHint) -> Result<Digest?, ErrnoFailure> {
    if let known, !isDoubted, hint == known { return .success(knownDigest) }
    let result = Result { () throws(ErrnoFailure) in try isContinued(by: hint, descriptor) }
    switch result {
    case .failure(let failure): return .failure(failure)
    case .success(true): break
    case .success(false):
      do throws(ErrnoFailure) { try beginAgain(descriptor, hint) } catch { return .failure(error) }
    }
    do throws(ErrnoFailure) {
      guard try add(descriptor, upTo: hint.size) else {
        forget()
        return .success(nil)
      }
      let count = Int(min(hint.size, Int64(Self.tailBytes)))
      tail = try readBytes(descriptor, at: Int(hint.size) - count, count: count).get()
    } catch {
      forget()
      return .failure(error)
    }
    known = hint
    isDoubted = false
    knownDigest = running.digest
    return .success(knownDigest)
  }

  /// Whether what is there begins with what was hashed, by all that is seen without reading it.
  private func isContinued(by hint: FileHint, _ descriptor: Int32) throws(ErrnoFailure) -> Bool {
    guard let known, !isDoubted, hint.hasOnlyGrown(since: known) else { return false }
    return try readBytes(descriptor, at: Int(known.size) - tail.count, count: tail.count).get() == tail
  }

  /// Hashes from the first byte up to where the hash was before, if the file reaches there; it is the same file if that comes to the
  /// same.
  private func beginAgain(_ descriptor: Int32, _ hint: FileHint) throws(ErrnoFailure) {
    let old = known
    forget()
    if let old, hint.size >= old.size, try add(descriptor, upTo: old.size), running.digest == knownDigest { return }
    generation += 1
  }

  private func forget() {
    running = RunningDigest()
    known = nil
  }

  /// - Returns: false if the file ends before.
  private func add(_ descriptor: Int32, upTo size: Int64) throws(ErrnoFailure) -> Bool {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(Int(size) - running.count, Self.bufferBytes), alignment: 64)
    defer { buffer.deallocate() }
    while running.count < size {
      let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(Int(size) - running.count))
      let count = try readBytes(descriptor, at: running.count, into: wanted).get()
      running.add(UnsafeRawBufferPointer(rebasing: wanted[..<count]))
      if count < wanted.count { return false }
    }
    return true
  }
}
