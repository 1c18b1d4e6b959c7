/// A text: bytes of any number up to 16 MiB, ordered byte by byte.
///
/// A column holds the bytes of its texts one after another, and eight bytes a text to find them. Two texts that differ in
/// their first seven bytes are told apart without looking at either's memory.
///
/// It is a view: valid as long as what it was read from, or as the bytes that it was made of. `String(text)` copies it.
///
/// `@unchecked Sendable`: the bytes are not written while a view of them is in use; whoever hands a view to another thread
/// keeps them.
public struct Text: Record, @unchecked Sendable {
  /// The radix at position 0: the first seven bytes, and how many more there are.
  @usableFromInline let head: UInt64
  @usableFromInline let base: UnsafePointer<UInt8>
  /// How many bytes there are.
  public let count: Int

  /// Up to so many bytes a text can have.
  @inlinable public static var longest: Int { 1 << 24 - 1 }

  /// A view of bytes that outlive it.
  @inlinable public init(_ bytes: UnsafeBufferPointer<UInt8>) {
    precondition(bytes.count <= Self.longest, "a text has fewer than 2^24 bytes")
    // Nothing is read through the address if there are no bytes.
    base = bytes.baseAddress ?? UnsafePointer(bitPattern: 1)!
    count = bytes.count
    head = Text.radix(base, bytes.count)
  }

  @inlinable init(trusted base: UnsafePointer<UInt8>, count: Int) {
    self.base = base
    self.count = count
    head = Text.radix(base, count)
  }

  /// A copy of bytes, in a region.
  public init(_ bytes: some Collection<UInt8>, in region: Region) {
    let memory = region.allocate(bytes.count).bindMemory(to: UInt8.self, capacity: Swift.max(bytes.count, 1))
    var at = 0
    for byte in bytes {
      memory[at] = byte
      at += 1
    }
    self.init(UnsafeBufferPointer(start: memory, count: at))
  }

  /// Shows a string as a text during a call.
  @inlinable public static func with<Result>(_ string: String, _ body: (Text) throws -> Result) rethrows -> Result {
    var string = string
    return try string.withUTF8 { try body(Text($0)) }
  }

  /// The bytes themselves.
  @inlinable public var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

  /// Seven bytes of a text with `left` bytes from here, the first highest; then, in the lowest byte, how many there are
  /// up to 8. Where that is 7 or less the text ends here: equal radices then are equal texts.
  @inlinable @inline(__always) static func radix(_ from: UnsafePointer<UInt8>, _ left: Int) -> UInt64 {
    if left >= 8 {
      let word = UInt64(bigEndian: UnsafeRawPointer(from).loadUnaligned(as: UInt64.self))
      return word & ~0xFF | 8
    }
    var word: UInt64 = 0
    var i = 0
    while i < left {
      word |= UInt64(from[i]) << UInt64(56 &- 8 &* i)
      i &+= 1
    }
    return word | UInt64(truncatingIfNeeded: left)
  }

  @inlinable public static func == (a: Text, b: Text) -> Bool {
    guard a.head == b.head && a.count == b.count else { return false }
    return a.count <= 7 || a.agreement(with: b, from: 7) == a.count
  }

  @inlinable public static func < (a: Text, b: Text) -> Bool {
    if a.head != b.head { return a.head < b.head }
    if a.count <= 7 { return false }
    let common = a.agreement(with: b, from: 7)
    if common == a.count || common == b.count { return a.count < b.count }
    return a.base[common] < b.base[common]
  }

  /// The number of leading bytes that agree, given that the first `start` do.
  @inlinable func agreement(with other: Text, from start: Int) -> Int {
    let shared = Swift.min(count, other.count)
    let mine = UnsafeRawPointer(base)
    let theirs = UnsafeRawPointer(other.base)
    var i = start
    while i &+ 8 <= shared {
      let difference =
        mine.loadUnaligned(fromByteOffset: i, as: UInt64.self)
        ^ theirs.loadUnaligned(fromByteOffset: i, as: UInt64.self)
      if difference != 0 { return i &+ UInt64(littleEndian: difference).trailingZeroBitCount >> 3 }
      i &+= 8
    }
    while i < shared && base[i] == other.base[i] { i &+= 1 }
    return i
  }

  @inlinable public func hash(into hasher: inout Hasher) { hasher.combine(bytes: UnsafeRawBufferPointer(bytes)) }

  @inlinable public static var routeIsStable: Bool { true }
  @inlinable public var route: UInt64 {
    var sum = head
    var i = 7
    while i < count {
      sum = finalize(sum) &+ Text.radix(base + i, count &- i)
      i &+= 7
    }
    return finalize(sum)
  }

  @inlinable public var radix: UInt64 { head }
  @inlinable public static var radixWidth: Int { 64 }
  @inlinable public static var hasDeepRadix: Bool { true }
  @inlinable public func radix(from position: Int) -> UInt64 {
    position < count ? Text.radix(base + position, count &- position) : 0
  }
  @inlinable public func radixPosition(after position: Int) -> Int? { position + 7 < count ? position + 7 : nil }
  @inlinable public var radixExtent: Int { count + 1 }

  @inlinable public static var isView: Bool { true }
  @inlinable public func kept(in region: Region) -> Text { Text(bytes, in: region) }

  /// Where the bytes are: the offset in the high 40 bits, the number in the low 24.
  public struct Stored: BitwiseCopyable {
    @usableFromInline let word: UInt64
    @inlinable init(_ word: UInt64) { self.word = word }
  }

  @inlinable @inline(__always) public static func load(_ stored: Stored, at index: Int, from arena: TextArena) -> Text {
    Text(
      trusted: arena.base + Int(truncatingIfNeeded: stored.word >> 24),
      count: Int(truncatingIfNeeded: stored.word & 0xFF_FFFF))
  }

  @inlinable @inline(__always) public func store(at index: Int, in arena: inout TextArena) -> Stored {
    let offset = arena.count
    if offset &+ count > arena.capacity { arena.makeRoom(count) }
    let place = arena.base + offset
    place.update(from: base, count: count)
    arena.count = offset &+ count
    return Stored(UInt64(truncatingIfNeeded: offset) << 24 | UInt64(truncatingIfNeeded: count))
  }
}

extension String {
  /// A copy of a text. Bytes that are not UTF-8 become replacement characters.
  public init(_ text: Text) { self.init(decoding: text.bytes, as: UTF8.self) }
}

extension Text: CustomStringConvertible {
  public var description: String { String(self) }
}

/// The bytes of a column of texts, one after another.
public struct TextArena: RecordArena {
  @usableFromInline var base: UnsafeMutablePointer<UInt8>
  @usableFromInline var count = 0
  @usableFromInline var capacity: Int

  @inlinable public init(capacity: Int) {
    self.capacity = 0
    base = .allocate(capacity: 1)
  }

  @inlinable public func deallocate() { base.deallocate() }
  @inlinable public mutating func removeAll() { count = 0 }
  @inlinable public mutating func reserve(for a: Self, and b: Self) { makeRoom(a.count + b.count) }

  @inlinable @inline(never) mutating func makeRoom(_ more: Int) {
    precondition(count + more < 1 << 40, "the texts of a column are less than 2^40 bytes")
    guard count + more > capacity else { return }
    let wanted = Swift.max(count + more, 2 * capacity, 64)
    let wider = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
    wider.update(from: base, count: count)
    base.deallocate()
    base = wider
    capacity = wanted
  }

  @inlinable public static var pieceCount: Int { 1 }

  public func appendPieces(to pieces: inout [UnsafeRawBufferPointer], records: Int) {
    pieces.append(UnsafeRawBufferPointer(start: base, count: count))
  }

  public init?(pieces: ArraySlice<UnsafeRawBufferPointer>, records: Int) {
    guard let piece = pieces.first else { return nil }
    // Texts without bytes are not read.
    let start = piece.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!
    base = UnsafeMutablePointer(mutating: start.assumingMemoryBound(to: UInt8.self))
    count = piece.count
    capacity = piece.count
  }

  public func appendAllocations(to allocations: inout [UnsafeMutableRawPointer]) {
    allocations.append(UnsafeMutableRawPointer(base))
  }
}
