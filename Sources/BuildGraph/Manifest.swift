import CXXHash

/// What an entry of a ``Manifest`` is about. The numbers are part of the key scheme: never reuse one.
package enum ManifestField: UInt8, Sendable, CaseIterable {
  case scheme = 1
  case text = 2
  case input = 3
  case output = 4
  case path = 5
  case kind = 6
  case label = 7
  case image = 8
  case name = 9
  case value = 10
  case network = 11
  case depfile = 12
  case repetition = 13
  case command = 14
  case artifact = 15
  case derivation = 16
  case source = 17
  case literal = 18
  case assembly = 19
  case member = 20
  case identity = 21
  case declared = 22
  case names = 23
  case read = 24
  case absent = 25
  case mentioned = 26
  case count = 27
  case ordinal = 28
  case program = 29
  case table = 30
  case variant = 31
}

/// Takes down what a key is made of, entry by entry.
///
/// Law: two different sequences of writes never give the same result. Each entry is tagged with its field and the type of its
/// value, and carries its length, so that no two entries can flow into each other. One conformer hashes and the other prints,
/// so that an explanation shows exactly what was hashed.
package protocol Manifest {
  mutating func write(_ field: ManifestField, _ bytes: ByteString)
  mutating func write(_ field: ManifestField, _ number: Int)
  mutating func write(_ field: ManifestField, _ digest: Digest)
}

extension Manifest {
  package mutating func write(_ field: ManifestField, _ text: String) { write(field, ByteString(text)) }
  package mutating func write(_ field: ManifestField, _ flag: Bool) { write(field, flag ? 1 : 0) }

  /// A content, with the executable bit; its size follows from the digest.
  package mutating func write(_ field: ManifestField, _ artifact: Artifact) {
    write(field, artifact.digest)
    write(.kind, artifact.kind == .folder ? 2 : artifact.isExecutable ? 1 : 0)
  }
}

/// A manifest as a digest.
package struct DigestManifest: Manifest {
  /// Names the digest algorithm, in front of all that is hashed: another algorithm is another key.
  private static let xxh3: UInt8 = 1
  private var buffer: [UInt8]

  package init() {
    buffer = []
    buffer.reserveCapacity(256)
    buffer.append(Self.xxh3)
  }

  private mutating func append(_ number: UInt64) {
    withUnsafeBytes(of: number.littleEndian) { buffer.append(contentsOf: $0) }
  }

  package mutating func write(_ field: ManifestField, _ bytes: ByteString) {
    buffer.append(field.rawValue)
    buffer.append(1)
    append(UInt64(bytes.count))
    buffer.append(contentsOf: bytes.bytes)
  }

  package mutating func write(_ field: ManifestField, _ number: Int) {
    buffer.append(field.rawValue)
    buffer.append(2)
    append(UInt64(bitPattern: Int64(number)))
  }

  package mutating func write(_ field: ManifestField, _ digest: Digest) {
    buffer.append(field.rawValue)
    buffer.append(3)
    append(digest.high)
    append(digest.low)
  }

  /// The digest of all that was written, and an empty manifest again.
  ///
  /// - Complexity: O(bytes written).
  package mutating func finish() -> Digest {
    let digest = Digest(hashing: buffer)
    buffer.removeAll(keepingCapacity: true)
    buffer.append(Self.xxh3)
    return digest
  }
}

/// A manifest for people: one line an entry.
package struct TextManifest: Manifest {
  package private(set) var lines: [String] = []

  package init() {}

  package mutating func write(_ field: ManifestField, _ bytes: ByteString) {
    lines.append("\(field): \"\(bytes.display)\"")
  }

  package mutating func write(_ field: ManifestField, _ number: Int) {
    lines.append("\(field): \(number)")
  }

  package mutating func write(_ field: ManifestField, _ digest: Digest) {
    lines.append("\(field): \(digest)")
  }
}
