package import BuildGraph
import CLinux
package import Diagnostics
import Glibc

/// A file descriptor that is closed with its last reference.
final class Descriptor: Sendable {
  let number: Int32
  init(_ number: Int32) { self.number = number }
  deinit { close(number) }
}

extension ByteString {
  /// Calls `body` with the bytes, ended by a zero.
  ///
  /// - Precondition: no zero byte is in them; `hasZero` says so.
  func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
      bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
      buffer[bytes.count] = 0
      return body(buffer.baseAddress!)
    }
  }

  /// A zero byte cannot be part of a file's name; a path with one means nothing, and must not mean its beginning.
  var hasZero: Bool { bytes.contains(0) }

  /// The folder that an absolute path lies in.
  var parent: ByteString {
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0 else { return "/" }
    return ByteString(bytes: Array(bytes[..<slash]))
  }

  /// Whether this absolute path is `folder` or lies below it.
  func isWithin(_ folder: ByteString) -> Bool {
    if folder.bytes == [UInt8(ascii: "/")] { return bytes.first == UInt8(ascii: "/") }
    return bytes.starts(with: folder.bytes)
      && (bytes.count == folder.bytes.count || bytes[folder.bytes.count] == UInt8(ascii: "/"))
  }

  /// The components between slashes, empty ones left out.
  var components: [ArraySlice<UInt8>] { bytes.split(separator: UInt8(ascii: "/")) }
}

/// The current folder, for calls that want one beside an absolute path.
let anywhere = AT_FDCWD

/// O_PATH: a descriptor that names a place and reads nothing.
let placeOnly = Int32(REFLOW_O_PATH)

func openAt(_ folder: Int32, _ path: ByteString, _ flags: Int32, mode: mode_t = 0) -> Int32 {
  path.withCString { reflow_open_at(folder, $0, flags, mode) }
}

/// 0 or an errno.
func statAt(_ folder: Int32, _ path: ByteString, follow: Bool, into result: inout reflow_stat) -> Int32 {
  path.withCString { reflow_stat_at(folder, $0, follow ? 0 : AT_SYMLINK_NOFOLLOW, &result) }
}

func makeFolderAt(_ folder: Int32, _ path: ByteString, mode: mode_t = 0o755) -> Int32 {
  path.withCString { mkdirat(folder, $0, mode) == 0 ? 0 : errno }
}

func unlinkAt(_ folder: Int32, _ path: ByteString, isFolder: Bool = false) -> Int32 {
  path.withCString { unlinkat(folder, $0, isFolder ? AT_REMOVEDIR : 0) == 0 ? 0 : errno }
}

/// What a symbolic link says, or nil.
func linkTarget(_ folder: Int32, _ path: ByteString) -> ByteString? {
  path.withCString { pointer in
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
      let count = readlinkat(folder, pointer, buffer.baseAddress!, buffer.count)
      guard count >= 0 else { return nil }
      return ByteString(bytes: Array(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])))
    }
  }
}

/// The absolute path, without links, of what a descriptor is open on.
func canonicalPath(of descriptor: Int32) -> ByteString? {
  linkTarget(anywhere, ByteString("/proc/self/fd/\(descriptor)"))
}

extension reflow_stat {
  var kind: UInt32 { mode & UInt32(S_IFMT) }
  var isFile: Bool { kind == UInt32(S_IFREG) }
  var isFolder: Bool { kind == UInt32(S_IFDIR) }
  var isLink: Bool { kind == UInt32(S_IFLNK) }
}

/// A name in a folder, with the kind that the folder itself tells (`DT_…`; `DT_UNKNOWN` on some file systems).
struct FolderName {
  var name: ByteString
  var kind: UInt8
}

/// The names in an open folder, without `.` and `..`, in the order of the file system.
///
/// - Complexity: one system call for some thousand names.
func names(inFolder descriptor: Int32) -> (names: [FolderName], errno: Int32) {
  var result: [FolderName] = []
  let failure: Int32 = withUnsafeTemporaryAllocation(byteCount: 32 << 10, alignment: 8) { buffer in
    while true {
      let count = reflow_read_folder(descriptor, buffer.baseAddress!, buffer.count)
      if count <= 0 { return Int32(-count) }
      // struct linux_dirent64: inode 8 bytes, offset 8, record length 2, kind 1, then the name and a zero.
      var at = 0
      while at < Int(count) {
        let length = Int(buffer.loadUnaligned(fromByteOffset: at + 16, as: UInt16.self))
        let kind = buffer[at + 18]
        let name = UnsafeRawBufferPointer(rebasing: buffer[(at + 19)..<(at + length)]).prefix { $0 != 0 }
        let isDot = name.count <= 2 && name.allSatisfy { $0 == UInt8(ascii: ".") }
        if !isDot { result.append(FolderName(name: ByteString(bytes: Array(name)), kind: kind)) }
        at += length
      }
    }
  }
  return (result, failure)
}

/// The names in a folder, without `.` and `..`, in the order of the file system.
///
/// - Throws: where it cannot be read.
package func names(inFolder path: ByteString) throws(SystemError) -> [ByteString] {
  let descriptor = path.withCString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
  var (failure, found): (Int32, [FolderName]) = (errno, [])
  if descriptor >= 0 {
    (found, failure) = names(inFolder: descriptor)
    close(descriptor)
  }
  guard descriptor >= 0, failure == 0 else {
    throw SystemError(
      .notPermitted, "cannot read '\(path.display)': \(String(cString: strerror(failure)))", errno: failure)
  }
  return found.map(\.name)
}

/// Removes a file or folder with all that it holds; also folders without permission that are ours. Says whether it is gone.
@discardableResult
func removeTree(_ folder: Int32, _ name: ByteString) -> Bool {
  let failure = unlinkAt(folder, name)
  if failure == 0 || failure == ENOENT { return true }
  var descriptor = openAt(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  if descriptor == -EACCES || descriptor == -EPERM {
    _ = name.withCString { fchmodat(folder, $0, 0o700, 0) }
    descriptor = openAt(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  }
  guard descriptor >= 0 else { return false }
  defer { close(descriptor) }
  let entries = names(inFolder: descriptor).names
  if !entries.isEmpty { fchmod(descriptor, 0o700) }
  for entry in entries { removeTree(descriptor, entry.name) }
  return unlinkAt(folder, name, isFolder: true) == 0
}

/// Reads a descriptor to its end, or gives up beyond a limit.
func readAll(_ descriptor: Int32, sizeHint: Int, limitBytes: Int) -> Result<[UInt8]?, ErrnoFailure> {
  var failure: Int32 = 0
  var bytes: [UInt8] = []
  if sizeHint >= 1 << 20, sizeHint <= limitBytes {
    bytes = [UInt8](unsafeUninitializedCapacity: sizeHint + 1) { buffer, count in
      preferLargePages(buffer)
      while count < buffer.count, failure == 0 {
        let read = Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        if read == 0 { return }
        if read > 0 { count += read } else if errno != EINTR { failure = errno }
      }
    }
    if failure == 0, bytes.count <= sizeHint { return .success(bytes) }
  } else {
    bytes.reserveCapacity(min(max(sizeHint, 0), limitBytes) + 1)
  }
  let chunk = min(max(sizeHint + 1, 4096), 1 << 20)
  while failure == 0, bytes.count <= limitBytes {
    let count = withUnsafeTemporaryAllocation(byteCount: chunk, alignment: 16) { buffer in
      let count = Glibc.read(descriptor, buffer.baseAddress!, buffer.count)
      if count > 0 { bytes.append(contentsOf: buffer[..<count]) }
      if count < 0, errno != EINTR { failure = errno }
      return count
    }
    if count == 0 { return .success(bytes.count <= limitBytes ? bytes : nil) }
  }
  return failure == 0 ? .success(nil) : .failure(ErrnoFailure(number: failure))
}

/// Fills a buffer with what stands at a place, whatever the descriptor's own offset is.
///
/// - Returns: how many bytes there were; fewer than there is room for only where the file ends.
func readBytes(
  _ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
) -> Result<Int, ErrnoFailure> {
  var filled = 0
  while filled < buffer.count {
    let read = pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, off_t(offset + filled))
    if read == 0 { break }
    if read > 0 { filled += read } else if errno != EINTR { return .failure(ErrnoFailure(number: errno)) }
  }
  return .success(filled)
}

/// Reads some bytes at a place; fewer where the file ends.
func readBytes(_ descriptor: Int32, at offset: Int, count: Int) -> Result<[UInt8], ErrnoFailure> {
  var result: Result<Int, ErrnoFailure> = .success(0)
  let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    result = readBytes(descriptor, at: offset, into: UnsafeMutableRawBufferPointer(buffer))
    if case .success(let count) = result { filled = count }
  }
  return result.map { _ in bytes }
}

/// Large memory that is written once costs a fault for each page: with pages of 2 MiB there are few.
private func preferLargePages(_ buffer: UnsafeMutableBufferPointer<UInt8>) {
  let page = 2 << 20
  let start = (UInt(bitPattern: buffer.baseAddress) + UInt(page - 1)) & ~UInt(page - 1)
  let end = (UInt(bitPattern: buffer.baseAddress) + UInt(buffer.count)) & ~UInt(page - 1)
  // MADV_HUGEPAGE. Where the kernel has none it is as it was. See: man 2 madvise.
  if start < end { _ = madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), 14) }
}

/// An errno as an error, between system calls and the function that knows what was being done.
struct ErrnoFailure: Error { var number: Int32 }

/// Says what could not be done, why, and what to do about it.
func systemError(_ number: Int32, _ action: String, _ path: ByteString) -> SystemError {
  systemError(number, "\(action) '\(path.display)'")
}

func systemError(_ number: Int32, _ what: String) -> SystemError {
  let (code, remedy): (SystemError.Code, String) =
    switch number {
    case ENOENT, ENOTDIR: (.notFound, "")
    case EACCES, EPERM: (.notPermitted, "; change its permissions or run as a user who may")
    case EROFS: (.notPermitted, "; mount the file system writable or set `state.local` in reflow.toml")
    case ENOSPC, EDQUOT: (.noSpace, "; free some space, for instance with `reflow prune`, and build again")
    case EMFILE: (.limit, "; raise `ulimit -n` or build with fewer jobs (-j)")
    case ENFILE: (.limit, "; raise `sysctl fs.file-max` or build with fewer jobs (-j)")
    case EAGAIN: (.limit, "; raise `ulimit -u` (processes of a user) or build with fewer jobs (-j)")
    case ENOMEM: (.limit, "; close other programs or build with fewer jobs (-j)")
    case ELOOP: (.wrongKind, "; its symbolic links lead in a circle")
    case ENAMETOOLONG: (.limit, "; use a shorter name")
    default: (.other, "")
    }
  return SystemError(code, "cannot \(what): \(String(cString: strerror(number)).lowercased())\(remedy)", errno: number)
}
