import CXXHash

extension Digest {
  /// XXH3-128 of bytes: what hashing a file that holds them gives.
  ///
  /// - Complexity: O(bytes).
  package init(hashing bytes: [UInt8]) {
    self = bytes.withUnsafeBufferPointer { Digest(hashing: $0) }
  }

  /// XXH3-128 of bytes in place.
  ///
  /// - Complexity: O(bytes).
  package init(hashing bytes: UnsafeBufferPointer<UInt8>) {
    let hash = reflow_xxh3_128(bytes.baseAddress, bytes.count)
    self.init(high: hash.high, low: hash.low)
  }
}

/// The one byte form of a folder manifest: its digest is the folder's digest, wherever the folder was met.
///
/// Layout, all numbers little-endian: the magic `rfm1`, then for each entry, in order: a kind byte (0 file, 1 executable
/// file, 2 link, 3 empty folder), the length of the path (4 bytes), the path, and for a file its digest (16 bytes) and size
/// (8 bytes), for a link the length of its target (4 bytes) and the target.
///
/// Versions: 1, the first.
extension FolderManifest {
  private static let magic: [UInt8] = Array("rfm1".utf8)

  /// - Complexity: O(bytes).
  package var encoded: [UInt8] {
    var result = Self.magic
    func append<Number: FixedWidthInteger>(_ number: Number) {
      withUnsafeBytes(of: number.littleEndian) { result.append(contentsOf: $0) }
    }
    func append(_ text: ByteString) {
      append(UInt32(text.count))
      result += text.bytes
    }
    for entry in entries {
      switch entry.content {
      case .file(let artifact):
        result.append(artifact.isExecutable ? 1 : 0)
        append(entry.path)
        append(artifact.digest.high)
        append(artifact.digest.low)
        append(artifact.size)
      case .link(let target):
        result.append(2)
        append(entry.path)
        append(target)
      case .emptyFolder:
        result.append(3)
        append(entry.path)
      }
    }
    return result
  }

  /// Reads the byte form back; nil where it is damaged: encoding what is returned gives the same bytes, and it is well-formed.
  ///
  /// - Complexity: O(bytes · depth of folders).
  package init?(encoded bytes: [UInt8]) {
    guard bytes.starts(with: Self.magic) else { return nil }
    var offset = Self.magic.count
    func number<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
      let end = offset + MemoryLayout<Number>.size
      guard end <= bytes.count else { return nil }
      defer { offset = end }
      return bytes[offset..<end].reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }
    func text() -> ByteString? {
      guard let count = number(UInt32.self), Int(count) <= bytes.count - offset else { return nil }
      defer { offset += Int(count) }
      return ByteString(bytes: Array(bytes[offset..<offset + Int(count)]))
    }
    var entries: [Entry] = []
    while offset < bytes.count {
      guard let kind = number(UInt8.self), let path = text() else { return nil }
      switch kind {
      case 0, 1:
        guard let high = number(UInt64.self), let low = number(UInt64.self), let size = number(Int64.self) else {
          return nil
        }
        let artifact = Artifact(digest: Digest(high: high, low: low), isExecutable: kind == 1, size: size)
        entries.append(Entry(path: path, content: .file(artifact)))
      case 2:
        guard let target = text() else { return nil }
        entries.append(Entry(path: path, content: .link(target: target)))
      case 3: entries.append(Entry(path: path, content: .emptyFolder))
      default: return nil
      }
    }
    self.init(entries: entries)
    guard isWellFormed else { return nil }
  }

  /// The folder as a content: the digest of the byte form, and the sum of its files' sizes.
  ///
  /// - Complexity: O(bytes).
  package var artifact: Artifact {
    let size = entries.reduce(Int64(0)) { sum, entry in
      if case .file(let artifact) = entry.content { return sum + artifact.size }
      return sum
    }
    return Artifact(kind: .folder, digest: Digest(hashing: encoded), size: size)
  }
}
