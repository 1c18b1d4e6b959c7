/// Names the folder that a path is relative to: the workspace, or the target of a URL mapping, or a declared external root.
package struct RootID: Hashable, Comparable, Sendable {
  package let index: UInt16

  package init(index: UInt16) { self.index = index }

  package static let workspace = RootID(index: 0)
  package static func < (a: Self, b: Self) -> Bool { a.index < b.index }
}

/// A place in the file system as the graph knows it: a root and relative bytes, never normalised beyond `.` and `//`.
///
/// No absolute path is ever stored: a project that is moved is the same project. The empty path is the root itself.
package struct Path: Hashable, Comparable, Sendable {
  package var root: RootID
  package var bytes: ByteString

  package init(root: RootID = .workspace, _ bytes: ByteString) {
    self.root = root
    self.bytes = bytes
  }

  /// The part behind the last slash.
  package var baseName: ByteString {
    let slash = bytes.bytes.lastIndex(of: UInt8(ascii: "/"))
    return slash.map { ByteString(bytes: Array(bytes.bytes[($0 + 1)...])) } ?? bytes
  }

  /// Where it lies; nil for the root.
  package var folder: Path? {
    if bytes.isEmpty { return nil }
    let slash = bytes.bytes.lastIndex(of: UInt8(ascii: "/"))
    return Path(root: root, ByteString(bytes: Array(bytes.bytes[..<(slash ?? 0)])))
  }

  package func appending(_ relative: ByteString) -> Path {
    bytes.isEmpty ? Path(root: root, relative) : Path(root: root, bytes + "/" + relative)
  }

  package static func < (a: Self, b: Self) -> Bool { (a.root, a.bytes) < (b.root, b.bytes) }
}
