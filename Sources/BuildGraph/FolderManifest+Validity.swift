// What may stand in a folder manifest. A manifest is read from disk and acted upon, so one that names `../x` must not pass.
extension FolderManifest {
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
