import CXXHash

extension Digest {
  /// XXH3-128 of bytes.
  ///
  /// - Complexity: O(bytes), at tens of gigabytes a second.
  package init(of bytes: [UInt8]) {
    self = bytes.withUnsafeBytes { buffer in Digest(of: buffer) }
  }

  package init(of bytes: UnsafeRawBufferPointer) {
    let hash = XXH3_128bits(bytes.baseAddress, bytes.count)
    self.init(high: hash.high64, low: hash.low64)
  }
}

// The stored form of a folder, version 1. Its digest is the digest of the folder's artifact, so it must be injective (every
// field tagged or length-prefixed, one order) and must never change its meaning; another form gets another version byte.
//
//   "RFM" 01 | count: u64 | entry…
//   entry    = path: u32 length + bytes | tag: u8 | rest
//   rest     = tag 0 (file), 1 (executable file): digest 16, size i64 · tag 2 (link): target u32 length + bytes ·
//              tag 3 (empty folder): nothing
extension FolderManifest {
  private static let header: [UInt8] = [0x52, 0x46, 0x4D, 1]

  /// The sum of the sizes of all files.
  package var totalSize: Int64 {
    entries.reduce(0) { sum, entry in
      switch entry.content {
      case .file(let artifact): sum &+ artifact.size
      case .link, .emptyFolder: sum
      }
    }
  }

  /// The folder as an artifact.
  ///
  /// - Complexity: O(bytes of the encoded form).
  package var artifact: Artifact { Artifact(kind: .folder, digest: Digest(of: encoded()), size: totalSize) }

  /// The stored form.
  ///
  /// - Precondition: entries ascend by path and are files, links and empty folders only, as ``FolderManifest`` demands.
  package func encoded() -> [UInt8] {
    var writer = BinaryWriter(reserving: 16 + entries.count * 64)
    writer.append(Self.header)
    writer.write(UInt64(entries.count))
    for entry in entries {
      writer.write(entry.path)
      switch entry.content {
      case .file(let artifact):
        writer.write(UInt8(artifact.isExecutable ? 1 : 0))
        writer.write(artifact.digest)
        writer.write(artifact.size)
      case .link(let target):
        writer.write(UInt8(2))
        writer.write(target)
      case .emptyFolder:
        writer.write(UInt8(3))
      }
    }
    return writer.bytes
  }

  /// Reads the stored form, or gives nil where the bytes are not exactly the form of a valid manifest: encoding what is
  /// returned gives the same bytes.
  ///
  /// - Complexity: O(bytes · depth of folders).
  package init?(encoded bytes: [UInt8]) {
    var reader = BinaryReader(bytes)
    for byte in Self.header { guard reader.readUInt8() == byte else { return nil } }
    guard let count = reader.readUInt64(), count <= UInt64(reader.remaining / 5) else { return nil }
    var entries: [Entry] = []
    entries.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let path = reader.readByteString(), let tag = reader.readUInt8() else { return nil }
      switch tag {
      case 0, 1:
        guard let digest = reader.readDigest(), let size = reader.readInt64(), size >= 0 else { return nil }
        entries.append(Entry(path: path, content: .file(Artifact(digest: digest, isExecutable: tag == 1, size: size))))
      case 2:
        guard let target = reader.readByteString() else { return nil }
        entries.append(Entry(path: path, content: .link(target: target)))
      case 3: entries.append(Entry(path: path, content: .emptyFolder))
      case _: return nil
      }
    }
    guard reader.isAtEnd else { return nil }
    self.init(entries: entries)
    guard isWellFormed else { return nil }
  }

  /// Whether the entries are what ``FolderManifest`` says: ascending, each once, relative, nothing below a file or link or
  /// below a folder that is said to be empty, links inside.
  ///
  /// - Complexity: O(bytes · depth).
  package var isWellFormed: Bool {
    var leaves: Set<ByteString> = []
    for (index, entry) in entries.enumerated() {
      guard Self.isRelative(entry.path), index == 0 || entries[index - 1].path < entry.path else { return false }
      if case .link(let target) = entry.content, !Self.staysInside(target, from: entry.path) { return false }
      if case .file(let artifact) = entry.content, artifact.kind != .file { return false }
      leaves.insert(entry.path)
    }
    return entries.allSatisfy { entry in
      var path = entry.path.bytes[...]
      while let slash = path.lastIndex(of: UInt8(ascii: "/")) {
        path = path[..<slash]
        if leaves.contains(ByteString(bytes: Array(path))) { return false }
      }
      return true
    }
  }

  /// Whether a path is relative, not empty, without `.`, `..`, empty parts and NUL.
  package static func isRelative(_ path: ByteString) -> Bool {
    !path.isEmpty && !path.bytes.contains(0)
      && path.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
        !part.isEmpty && part != [0x2E] && part != [0x2E, 0x2E]
      }
  }

  /// Whether a symbolic link at `path` leads to a place inside the folder whatever other such links are there.
  ///
  /// `..` is allowed only in front: `b/../x` would leave the folder if `b` were a link to the folder itself.
  package static func staysInside(_ target: ByteString, from path: ByteString) -> Bool {
    guard !target.isEmpty, target.bytes[0] != UInt8(ascii: "/"), !target.bytes.contains(0) else { return false }
    var room = path.bytes.split(separator: UInt8(ascii: "/")).count - 1
    var hasDescended = false
    for part in target.bytes.split(separator: UInt8(ascii: "/")) where part != [0x2E] {
      if part == [0x2E, 0x2E] {
        guard !hasDescended, room > 0 else { return false }
        room -= 1
      } else {
        hasDescended = true
      }
    }
    return true
  }
}
