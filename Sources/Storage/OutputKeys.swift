import BuildGraph

/// The keys that the rows of one output tree stand under. A project may be built into several (`--out`), and what lies in one says nothing
/// of what lies at the same path in another.
///
/// The key of an output of the default tree is its path; in other trees the tree's name stands before it, between two zero bytes, which
/// neither a name nor a path holds.
struct OutputKeys: Sendable {
  private let prefix: ByteString

  /// - Parameter tree: what the tree is called; empty for the default one.
  init(tree: ByteString) { prefix = tree.isEmpty ? "" : "\u{0}" + tree + "\u{0}" }

  func key(of path: ByteString) -> ByteString { prefix + path }

  /// - Precondition: the key is one of the tree's.
  func path(of key: ByteString) -> ByteString { ByteString(bytes: Array(key.bytes.dropFirst(prefix.count))) }

  /// What a key of any tree stands for, for people.
  static func display(_ key: ByteString) -> String {
    let parts = key.bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { return "'\(key.display)'" }
    return "'\(ByteString(bytes: Array(parts[2])).display)' in '\(ByteString(bytes: Array(parts[1])).display)'"
  }

  /// Between which keys those of the tree lie: from the first on, before the second.
  var bounds: (first: ByteString, end: ByteString) {
    if prefix.isEmpty { return ("\u{1}", KeyBounds.end) }
    return (prefix, ByteString(bytes: prefix.bytes.dropLast() + [1]))
  }

  /// Between which keys those of all outputs below a folder of the tree lie.
  func bounds(below folder: ByteString) -> (first: ByteString, end: ByteString) {
    folder.isEmpty ? bounds : KeyBounds.below(key(of: folder))
  }
}

enum KeyBounds {
  /// Behind all keys: no path that a system takes is as long as that.
  static let end = ByteString(bytes: [UInt8](repeating: 0xFF, count: 4_096))

  /// Between which paths all those below a folder lie: from the first on, before the second.
  static func below(_ folder: ByteString) -> (first: ByteString, end: ByteString) {
    folder.isEmpty ? ("", end) : (folder + "/", folder + "0")
  }
}
