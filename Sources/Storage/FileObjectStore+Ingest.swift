package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
import Ports

// How contents come in. A small file that a step made costs seven system calls: open, fstat, read, fchmod, renameat2, close,
// and one more read where it is larger than 32 KiB. One that is known already costs four: open, fstat, read, close.
extension FileObjectStore {
  package func ingest(_ kind: ArtifactKind, at hostPath: ByteString) throws(SystemError) -> Artifact {
    switch kind {
    case .file: return try ingestFile(hostPath, in: AT_FDCWD, hostPath)
    case .folder:
      guard let status = try FileStatus.of(hostPath) else {
        throw SystemError(errno: ENOENT, cannot: "take in", hostPath)
      }
      guard status.kind == .folder else { throw wrongKind(status.kind, hostPath, wanted: "a folder") }
      var entries: [FolderManifest.Entry] = []
      let root = try openFolder(hostPath, in: AT_FDCWD, hostPath)
      try ingestFolder(root.number, at: "", hostPath, into: &entries)
      entries.sort { $0.path < $1.path }
      return try store(FolderManifest(entries: entries))
    }
  }

  /// - Parameter display: the path for messages.
  private func ingestFile(_ name: ByteString, in folder: Int32, _ display: ByteString) throws(SystemError) -> Artifact {
    let file = try openFile(name, in: folder, display)
    let status = try file.status(display)
    guard status.kind == .file else { throw wrongKind(status.kind, display, wanted: "a file") }
    let (digest, size) = try file.hashOnce(size: status.hint.size, display)
    guard size == status.hint.size else {
      throw SystemError(
        .wrongKind,
        "cannot take in '\(display.display)': it changes while it is read; a process of the step still writes to it")
    }
    let artifact = Artifact(digest: digest, isExecutable: status.isExecutable, size: size)
    noteUnflushed(artifact)
    if isVerified(artifact) { return artifact }
    // Another name leads to the same file, perhaps the user's own: its mode is not ours to change.
    guard status.links == 1 else { return try copy(file, as: artifact, display) }
    try file.setMode(artifact.isExecutable ? 0o555 : 0o444, display)
    if size >= ObjectSeal.smallestSize { try seal(file, artifact) }
    switch try moveIn(name, in: folder, as: artifact, display) {
    case true: break
    case false: return try copy(file, as: artifact, display)
    }
    noteVerified(artifact)
    return artifact
  }

  private func ingestFolder(
    _ folder: Int32, at prefix: ByteString, _ display: ByteString, into entries: inout [FolderManifest.Entry]
  ) throws(SystemError) {
    let names = try folderNames(folder, display)
    if names.isEmpty, !prefix.isEmpty { entries.append(FolderManifest.Entry(path: prefix, content: .emptyFolder)) }
    for entry in names {
      let path = prefix.isEmpty ? entry.name : prefix + "/" + entry.name
      let place = display + "/" + entry.name
      let kind: FileStatus.Kind
      if let known = entry.kind {
        kind = known
      } else {
        guard let status = try FileStatus.of(entry.name, in: folder) else { continue }
        kind = status.kind
      }
      switch kind {
      case .file:
        entries.append(FolderManifest.Entry(path: path, content: .file(try ingestFile(entry.name, in: folder, place))))
      case .folder:
        let inner = try openFolder(entry.name, in: folder, place)
        try ingestFolder(inner.number, at: path, place, into: &entries)
      case .link:
        let target = try linkTarget(entry.name, in: folder)
        guard FolderManifest.staysInside(target, from: path) else {
          throw SystemError(
            .wrongKind,
            """
            cannot take in the symbolic link '\(place.display)': it leads to '\(target.display)', out of the folder that \
            the step made; copy what it leads to, or make the link relative
            """)
        }
        entries.append(FolderManifest.Entry(path: path, content: .link(target: target)))
      case .special: throw wrongKind(.special, place, wanted: "a file, folder or link")
      }
    }
  }

  /// Opens a file that a step made, whatever mode it gave it.
  private func openFile(_ name: ByteString, in folder: Int32, _ display: ByteString) throws(SystemError) -> Descriptor {
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
    var result = withCString(name) { reflow_open_at(folder, $0, flags, 0) }
    if result == -EACCES, let status = try FileStatus.of(name, in: folder), status.kind == .file, status.links == 1 {
      withCString(name) { _ = fchmodat(folder, $0, mode_t(status.hint.mode & 0o777) | 0o400, 0) }
      result = withCString(name) { reflow_open_at(folder, $0, flags, 0) }
    }
    if result == -ELOOP { throw wrongKind(.link, display, wanted: "a file") }
    guard result >= 0 else { throw SystemError(errno: -result, cannot: "take in", display) }
    return Descriptor(owning: result)
  }

  private func openFolder(_ name: ByteString, in folder: Int32, _ display: ByteString) throws(SystemError) -> Descriptor
  {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    var result = withCString(name) { reflow_open_at(folder, $0, flags, 0) }
    if result == -EACCES {
      withCString(name) { _ = fchmodat(folder, $0, 0o700, 0) }
      result = withCString(name) { reflow_open_at(folder, $0, flags, 0) }
    }
    guard result >= 0 else { throw SystemError(errno: -result, cannot: "take in", display) }
    return Descriptor(owning: result)
  }

  private func wrongKind(_ kind: FileStatus.Kind, _ display: ByteString, wanted: String) -> SystemError {
    let found =
      switch kind {
      case .file: "a file"
      case .folder: "a folder"
      case .link: "a symbolic link"
      case .special: "a FIFO, a device or a socket"
      }
    return SystemError(.wrongKind, "cannot take in '\(display.display)': it is \(found), not \(wanted)")
  }

  // MARK: - Moving in

  /// Renames a file to its object's name, unless a right one is there.
  ///
  /// - Returns: false where the file is on another file system.
  private func moveIn(
    _ name: ByteString, in folder: Int32, as artifact: Artifact, _ display: ByteString
  ) throws(SystemError) -> Bool {
    let object = ObjectName(artifact)
    var flags = UInt32(REFLOW_RENAME_NOREPLACE)
    var attempts = 0
    while true {
      let code = withCString(name) { old in
        withCString(object.path) { reflow_rename_at(folder, old, objects.number, $0, flags) }
      }
      attempts += 1
      switch code {
      case 0: return true
      case EXDEV: return false
      case EEXIST:
        if let known = try look(at: artifact), known.kind == .file, known.hint.size == artifact.size { return true }
        // Cut short by a crash of the machine, or damaged: what was just hashed takes its place.
        flags = 0
      case EINVAL where flags != 0: flags = 0
      case ENOENT where attempts < 4:
        withCString(object.shard) { _ = mkdirat(objects.number, $0, 0o777) }
      case EACCES where attempts < 4 && folder != AT_FDCWD:
        // The step made its folder read-only.
        fchmod(folder, 0o700)
      case _: throw SystemError(errno: code, cannot: "take in", display)
      }
    }
  }

  /// Copies what is open into an object and leaves it as it is.
  private func copy(
    _ file: borrowing Descriptor, as artifact: Artifact, _ display: ByteString
  ) throws(SystemError) -> Artifact {
    lseek(file.number, 0, SEEK_SET)
    let source = file.number
    let copied = try makeObject(isExecutable: artifact.isExecutable, display) { target throws(SystemError) in
      guard reflow_clone_file(source, target.number) != 0 else { return }
      let count = reflow_copy_file(source, target.number)
      guard count >= 0 else { throw SystemError(errno: Int32(-count), cannot: "copy", display) }
    }
    return copied
  }

  package func copyIn(file hostPath: ByteString) throws(SystemError) -> Artifact {
    let file = try Descriptor(opening: hostPath, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
    let status = try file.status(hostPath)
    guard status.kind == .file else { throw wrongKind(status.kind, hostPath, wanted: "a file") }
    let artifact = Artifact(digest: Digest(high: 0, low: 0), isExecutable: status.isExecutable, size: status.hint.size)
    return try copy(file, as: artifact, hostPath)
  }

  package func store(_ bytes: [UInt8]) throws(SystemError) -> Artifact {
    let artifact = Artifact(digest: Digest(hashing: bytes), size: Int64(bytes.count))
    return try store(bytes, as: artifact, size: artifact.size)
  }

  package func store(_ manifest: FolderManifest) throws(SystemError) -> Artifact {
    precondition(
      manifest.isWellFormed, "a folder manifest must be sorted, relative and without links that lead outside")
    let encoded = manifest.encoded
    let stored = try store(encoded, as: manifest.artifact, size: Int64(encoded.count))
    return stored
  }

  private func store(_ bytes: [UInt8], as artifact: Artifact, size: Int64) throws(SystemError) -> Artifact {
    if isVerified(artifact) { return artifact }
    if let known = try look(at: artifact), known.kind == .file, known.hint.size == size { return artifact }
    let name = temporaryName()
    let place = folder + "/" + temporaryFolder + "/" + name
    do throws(SystemError) {
      let file = try Descriptor(
        opening: name, in: temporary.number, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
      try file.write(bytes, place)
      try file.setMode(artifact.isExecutable ? 0o555 : 0o444, place)
      if artifact.kind == .file, size >= ObjectSeal.smallestSize { try seal(file, artifact) }
      _ = try moveIn(name, in: temporary.number, as: artifact, place)
    } catch {
      withCString(name) { _ = unlinkat(temporary.number, $0, 0) }
      throw error
    }
    withCString(name) { _ = unlinkat(temporary.number, $0, 0) }
    noteVerified(artifact)
    return artifact
  }

  /// Makes an object of what `fill` writes: its digest is taken from what was written, not from what was read.
  private func makeObject(
    isExecutable: Bool, _ display: ByteString, _ fill: (borrowing Descriptor) throws(SystemError) -> Void
  ) throws(SystemError) -> Artifact {
    let name = temporaryName()
    let place = folder + "/" + temporaryFolder + "/" + name
    defer { withCString(name) { _ = unlinkat(temporary.number, $0, 0) } }
    let file = try Descriptor(
      opening: name, in: temporary.number, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    try fill(file)
    lseek(file.number, 0, SEEK_SET)
    let (digest, size) = try file.hash(place)
    let artifact = Artifact(digest: digest, isExecutable: isExecutable, size: size)
    try file.setMode(isExecutable ? 0o555 : 0o444, place)
    if size >= ObjectSeal.smallestSize { try seal(file, artifact) }
    _ = try moveIn(name, in: temporary.number, as: artifact, display)
    noteVerified(artifact)
    return artifact
  }
}

extension Descriptor {
  /// `hash`, in one read where the file is as small as `size` says.
  func hashOnce(size: Int64, _ path: ByteString) throws(SystemError) -> (digest: Digest, size: Int64) {
    guard size < 32 << 10 else { return try hash(path) }
    let outcome = withUnsafeTemporaryAllocation(byteCount: Int(size) + 1, alignment: 16) { buffer in
      Result<(digest: Digest, size: Int64)?, SystemError> { () throws(SystemError) in
        let count = Glibc.read(number, buffer.baseAddress!, buffer.count)
        guard count == Int(size) else { return nil }
        var hash = reflow_hash()
        reflow_hash_bytes(buffer.baseAddress, count, &hash)
        return (Digest(high: hash.high, low: hash.low), size)
      }
    }
    if let result = try outcome.get() { return result }
    // Interrupted, or longer than it was.
    lseek(number, 0, SEEK_SET)
    return try hash(path)
  }
}
