import BuildGraph
import Testing

@Suite("Folder manifests")
struct FolderManifestTests {
  /// A small generator with a seed, so that every run is the same.
  struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
      return mixed ^ mixed >> 31
    }
  }

  static func random(_ random: inout Random) -> FolderManifest {
    var contents: [ByteString: FolderManifest.Content] = [:]
    for _ in 0..<Int.random(in: 0..<8, using: &random) {
      let depth = Int.random(in: 1...3, using: &random)
      let parts = (0..<depth).map { _ in ["a", "b", "a.b", "\u{1}", "ü", "a-"].randomElement(using: &random)! }
      let path = ByteString(parts.joined(separator: "/"))
      switch Int.random(in: 0..<4, using: &random) {
      case 0: contents[path] = .emptyFolder
      case 1: contents[path] = .link(target: depth > 1 ? "../a" : "b/c")
      case let kind:
        let digest = Digest(
          high: UInt64.random(in: 0..<3, using: &random), low: UInt64.random(in: 0..<3, using: &random))
        contents[path] = .file(
          Artifact(digest: digest, isExecutable: kind == 2, size: Int64.random(in: 0..<3, using: &random)))
      }
    }
    let entries = contents.sorted { $0.key < $1.key }.map { FolderManifest.Entry(path: $0.key, content: $0.value) }
    return FolderManifest(entries: entries)
  }

  @Test func whatIsWellFormedComesBackAndNothingElseDoes() {
    var random = Random(state: 1)
    var known: [[UInt8]: FolderManifest] = [:]
    var wellFormed = 0
    for _ in 0..<4_000 {
      let manifest = Self.random(&random)
      let bytes = manifest.encoded
      #expect(FolderManifest(encoded: bytes) == (manifest.isWellFormed ? manifest : nil))
      if manifest.isWellFormed { wellFormed += 1 }
      // Injective: equal bytes are equal manifests.
      #expect(known[bytes] == nil || known[bytes] == manifest)
      known[bytes] = manifest
    }
    #expect(wellFormed > 1_000 && wellFormed < 4_000 && known.count > 1_000)
  }

  @Test func bytesThatAreReadAreTheBytesThatWouldBeWritten() {
    var random = Random(state: 2)
    for _ in 0..<300 {
      let bytes = Self.random(&random).encoded
      for cut in 0..<bytes.count {
        let prefix = Array(bytes[..<cut])
        if let read = FolderManifest(encoded: prefix) { #expect(read.encoded == prefix) }
        var flipped = bytes
        flipped[cut] ^= 1 << UInt8(cut % 8)
        if let read = FolderManifest(encoded: flipped) { #expect(read.encoded == flipped) }
      }
      #expect(FolderManifest(encoded: bytes + [0]) == nil)
    }
  }

  @Test(arguments: [
    ["b", "a"], ["a", "a"], ["a", "a/b"], ["a", "a.b", "a/b"], ["../a"], ["/a"], [""], ["a//b"], ["a/."], ["a\u{0}"],
  ])
  func malformedPathsAreRefused(paths: [String]) {
    let entries = paths.map { FolderManifest.Entry(path: ByteString($0), content: .emptyFolder) }
    #expect(FolderManifest(encoded: FolderManifest(entries: entries).encoded) == nil)
  }

  @Test func linksStayInsideWhateverOtherLinksThereAre() {
    for (target, path) in [
      ("x", "a"), ("./x", "a"), ("../x", "d/a"), ("../../x", "d/e/a"), ("x/y", "a"), ("..", "d/a"),
    ] {
      #expect(FolderManifest.staysInside(ByteString(target), from: ByteString(path)), "\(target) from \(path)")
    }
    for (target, path) in [("", "a"), ("/x", "a"), ("..", "a"), ("../x", "a"), ("../../x", "d/a"), ("b/../x", "a")] {
      #expect(!FolderManifest.staysInside(ByteString(target), from: ByteString(path)), "\(target) from \(path)")
    }
  }

  @Test func binaryValuesComeBackAndShortBytesGiveNil() {
    var writer = BinaryWriter()
    writer.write(UInt8(1))
    writer.write(UInt16(0x0203))
    writer.write(UInt32.max)
    writer.write(Int64.min)
    writer.write(-0.5)
    writer.write(true)
    writer.write(Digest(high: 1, low: 2))
    writer.write(ByteString(bytes: [0xFF, 0]))
    writer.write(Artifact(kind: .folder, digest: Digest(high: 3, low: 4), size: 5))
    for count in 0...writer.bytes.count {
      var reader = BinaryReader(writer.bytes, count: count)
      let isWhole =
        reader.readUInt8() == 1 && reader.readUInt16() == 0x0203 && reader.readUInt32() == .max
        && reader.readInt64() == .min && reader.readDouble() == -0.5 && reader.readBool() == true
        && reader.readDigest() == Digest(high: 1, low: 2) && reader.readByteString() == ByteString(bytes: [0xFF, 0])
        && reader.readArtifact() == Artifact(kind: .folder, digest: Digest(high: 3, low: 4), size: 5) && reader.isAtEnd
      #expect(isWhole == (count == writer.bytes.count))
    }
  }
}
