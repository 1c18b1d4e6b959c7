package import BuildGraph
package import Ports

/// What a `reflow build` and a watch say to each other over the socket in `.reflow/`.
///
/// A message is a byte that says which, and its fields by `BinaryWriter`; on the socket its length stands before it, four bytes,
/// little-endian. The first message of either side begins with the protocol's version, so that any two versions understand
/// that they do not understand each other.
package enum WatchMessage: Sendable {
  /// The client's first and only one.
  case hello(Hello)
  /// The watch's first one: events follow, and the last of them is `buildFinished`.
  case accepted(process: Int32)
  /// The watch's first and only one: it builds something else, or was only asked who it is.
  case declined(process: Int32, isSame: Bool)
  case event(BuildEvent)
  /// The watch is still at work.
  case alive

  package struct Hello: Hashable, Sendable {
    /// Of everything that decides what a build does and says: see `Session`.
    package var identity: Digest
    /// Nothing is to be built; who is there?
    package var isInquiry: Bool

    package init(identity: Digest, isInquiry: Bool) {
      self.identity = identity
      self.isInquiry = isInquiry
    }
  }

  /// Versions: 1, the first.
  package static let version: UInt8 = 1
  /// No message is longer; who claims more is not one of us.
  package static let limitBytes = 64 << 20

  package var encoded: [UInt8] {
    var writer = BinaryWriter()
    switch self {
    case .hello(let hello):
      writer.write(UInt8(1))
      writer.write(Self.version)
      writer.write(hello.identity)
      writer.write(hello.isInquiry)
    case .accepted(let process):
      writer.write(UInt8(2))
      writer.write(Self.version)
      writer.write(process)
    case .declined(let process, let isSame):
      writer.write(UInt8(3))
      writer.write(Self.version)
      writer.write(process)
      writer.write(isSame)
    case .event(let event):
      writer.write(UInt8(4))
      event.encode(into: &writer)
    case .alive: writer.write(UInt8(5))
    }
    return writer.bytes
  }

  /// Nil where the bytes are damaged or of another version.
  package init?(encoded bytes: [UInt8]) {
    var reader = BinaryReader(bytes)
    guard let kind = reader.readUInt8() else { return nil }
    if kind < 4, reader.readUInt8() != Self.version { return nil }
    switch kind {
    case 1:
      guard let identity = reader.readDigest(), let isInquiry = reader.readBool() else { return nil }
      self = .hello(Hello(identity: identity, isInquiry: isInquiry))
    case 2:
      guard let process = reader.readInt32() else { return nil }
      self = .accepted(process: process)
    case 3:
      guard let process = reader.readInt32(), let isSame = reader.readBool() else { return nil }
      self = .declined(process: process, isSame: isSame)
    case 4:
      guard let event = BuildEvent(from: &reader) else { return nil }
      self = .event(event)
    case 5: self = .alive
    case _: return nil
    }
    guard reader.isAtEnd else { return nil }
  }
}
