/// 128 bits of XXH3: the name of a content, a manifest or a key.
///
/// Trusted inside one user's cache; a shared cache uses a cryptographic digest instead.
package struct Digest: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var high: UInt64
  package var low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// 32 hexadecimal digits.
  package var description: String {
    func hex(_ word: UInt64) -> String {
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return hex(high) + hex(low)
  }

  /// Parses 32 hexadecimal digits.
  package init?(hex: some StringProtocol) {
    guard hex.utf8.count == 32, let high = UInt64(hex.prefix(16), radix: 16),
      let low = UInt64(hex.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }

  package static func < (a: Self, b: Self) -> Bool { (a.high, a.low) < (b.high, b.low) }
}

/// Whether a value, an input or an output is a file or a folder.
package enum ArtifactKind: UInt8, Hashable, Sendable { case file, folder }

/// A content: of a file, with its executable bit, or of a folder, by the digest of its ``FolderManifest``.
///
/// What is small comes last: there is one for each source and each output, and more on their way.
package struct Artifact: Hashable, Sendable {
  package var digest: Digest
  /// In bytes; of a folder, the sum over its files.
  package var size: Int64
  package var kind: ArtifactKind
  /// False for folders.
  package var isExecutable: Bool

  package init(kind: ArtifactKind = .file, digest: Digest, isExecutable: Bool = false, size: Int64) {
    self.kind = kind
    self.digest = digest
    self.isExecutable = isExecutable
    self.size = size
  }
}

/// What a folder holds, recursively: sorted bytewise by path, each path once, no path a prefix folder of a file.
///
/// Empty folders are kept. Links are relative and stay inside.
package struct FolderManifest: Hashable, Sendable {
  package enum Content: Hashable, Sendable {
    case file(Artifact)
    case link(target: ByteString)
    case emptyFolder
  }

  package struct Entry: Hashable, Sendable {
    /// Relative to the folder, with `/` between the parts.
    package var path: ByteString
    package var content: Content

    package init(path: ByteString, content: Content) {
      self.path = path
      self.content = content
    }
  }

  package var entries: [Entry]

  package init(entries: [Entry]) { self.entries = entries }
}
