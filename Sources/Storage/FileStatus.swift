import BuildGraph
import CLinux
import Diagnostics
import Glibc
import Ports

/// What `stat` says of a name.
struct FileStatus {
  enum Kind { case file, folder, link, special }

  var kind: Kind
  var hint: FileHint
  var links: UInt64

  var isExecutable: Bool { hint.mode & 0o100 != 0 }

  init(_ figures: reflow_stat) {
    kind =
      switch figures.mode & UInt32(S_IFMT) {
      case UInt32(S_IFREG): .file
      case UInt32(S_IFDIR): .folder
      case UInt32(S_IFLNK): .link
      case _: .special
      }
    hint = FileHint(
      device: figures.device, inode: figures.inode, size: figures.size, modifiedNanoseconds: figures.modified,
      changedNanoseconds: figures.changed, mode: figures.mode)
    links = figures.links
  }

  /// Looks at a name without following it; nil where it is missing.
  ///
  /// - Throws: `notPermitted`, `wrongKind` where a part of the path is no folder.
  static func of(_ path: ByteString, in folder: Int32 = AT_FDCWD) throws(SystemError) -> FileStatus? {
    var figures = reflow_stat()
    let code = withCString(path) { reflow_stat_at(folder, $0, AT_SYMLINK_NOFOLLOW, &figures) }
    if code == ENOENT { return nil }
    guard code == 0 else { throw SystemError(errno: code, cannot: "look at", path) }
    return FileStatus(figures)
  }
}

/// A name in a folder.
struct FolderName: Comparable {
  var name: ByteString
  /// Nil where the file system does not say.
  var kind: FileStatus.Kind?

  static func < (a: Self, b: Self) -> Bool { a.name < b.name }
}

/// The names in a folder, except `.` and `..`, ascending bytewise.
///
/// - Parameter folder: open for reading; its offset is set back.
func folderNames(_ folder: Int32, _ path: ByteString) throws(SystemError) -> [FolderName] {
  lseek(folder, 0, SEEK_SET)
  var names: [FolderName] = []
  let outcome = withUnsafeTemporaryAllocation(byteCount: 32 << 10, alignment: 8) { buffer -> Int64 in
    while true {
      let count = reflow_read_folder(folder, buffer.baseAddress, buffer.count)
      if count <= 0 { return count }
      var offset = 0
      while offset < Int(count) {
        // struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name. See: man 2 getdents.
        let length = Int(buffer.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
        let start = buffer.baseAddress! + offset + 19
        let bytes = UnsafeRawBufferPointer(start: start, count: strlen(start.assumingMemoryBound(to: CChar.self)))
        if !bytes.elementsEqual(".".utf8), !bytes.elementsEqual("..".utf8) {
          let kind: FileStatus.Kind? =
            switch buffer[offset + 18] {
            case 0: nil  // DT_UNKNOWN
            case 4: .folder
            case 8: .file
            case 10: .link
            case _: .special
            }
          names.append(FolderName(name: ByteString(bytes: Array(bytes)), kind: kind))
        }
        offset += length
      }
    }
  }
  guard outcome == 0 else { throw SystemError(errno: Int32(-outcome), cannot: "list", path) }
  names.sort()
  return names
}

/// Where a symbolic link leads.
func linkTarget(_ name: ByteString, in folder: Int32 = AT_FDCWD) throws(SystemError) -> ByteString {
  let outcome = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
    let count = withCString(name) { readlinkat(folder, $0, buffer.baseAddress!, buffer.count) }
    let code = errno
    guard count >= 0 else {
      return Result<ByteString, SystemError>.failure(SystemError(errno: code, cannot: "read the link", name))
    }
    return .success(ByteString(bytes: buffer[..<count].map { UInt8(bitPattern: $0) }))
  }
  return try outcome.get()
}

/// Makes a folder and those above it. One that is there is fine.
func makeFolders(_ path: ByteString) throws(SystemError) {
  if withCString(path, { mkdir($0, 0o777) }) == 0 { return }
  switch errno {
  case EEXIST:
    guard let status = try FileStatus.of(path) else { return }
    // A link to a folder will do: where `.reflow` lies is the user's choice.
    if status.kind == .folder || withCString(path + "/.", { access($0, F_OK) }) == 0 { return }
    throw SystemError(errno: ENOTDIR, cannot: "make the folder", path)
  case ENOENT:
    guard let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0 else {
      throw SystemError(errno: ENOENT, cannot: "make the folder", path)
    }
    try makeFolders(ByteString(bytes: Array(path.bytes[..<slash])))
    if withCString(path, { mkdir($0, 0o777) }) != 0, errno != EEXIST {
      // What is above it is there: no file is missing, but this file system takes no folder.
      throw SystemError(errno: errno == ENOENT ? EPERM : errno, cannot: "make the folder", path)
    }
  case let code: throw SystemError(errno: code, cannot: "make the folder", path)
  }
}

/// Replaces a small file by rename: whole or not at all.
func replaceFile(_ path: ByteString, with bytes: [UInt8], mode: mode_t = 0o666) throws(SystemError) {
  let temporary = path + ".new"
  withCString(temporary) { _ = unlink($0) }
  do throws(SystemError) {
    let file = try Descriptor(opening: temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
    try file.write(bytes, path)
  } catch {
    withCString(temporary) { _ = unlink($0) }
    throw error
  }
  let code = withCString(temporary) { old in withCString(path) { reflow_rename_at(AT_FDCWD, old, AT_FDCWD, $0, 0) } }
  guard code == 0 else { throw SystemError(errno: code, cannot: "write", path) }
}

/// Reads a whole file, or nil where it is missing.
///
/// - Throws: `limit` where it is larger than `limitBytes`.
func readFile(_ path: ByteString, limitBytes: Int) throws(SystemError) -> [UInt8]? {
  guard let file = try Descriptor.ifPresent(path) else { return nil }
  let size = Int(try file.status(path).hint.size)
  guard size <= limitBytes else {
    throw SystemError(.limit, "cannot read '\(path.display)': it has \(size) bytes, more than \(limitBytes)")
  }
  return try file.read(upTo: size, path)
}
