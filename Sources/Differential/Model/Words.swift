/// A row of words, as many as one likes: a record whose width is known when the program runs.
///
/// All rows of one column have the same width. They are ordered word by word, as unsigned numbers. A column holds them one
/// after another, and nothing else: a row of `n` words takes `8 * n` bytes.
///
/// It is a view: valid as long as what it was read from, or as the words that it was made of.
///
/// `@unchecked Sendable`: the words are not written while a view of them is in use; whoever hands a view to another thread
/// keeps them.
public struct Words: Record, @unchecked Sendable {
  /// The first word, or 0: most comparisons need no other.
  @usableFromInline let first: UInt64
  @usableFromInline let base: UnsafePointer<UInt64>
  /// How many words there are.
  public let count: Int

  /// A view of words that outlive it.
  @inlinable public init(_ base: UnsafePointer<UInt64>, count: Int) {
    self.base = base
    self.count = count
    first = count > 0 ? base[0] : 0
  }

  /// A copy of words, in a region.
  @inlinable public init(_ words: some Collection<UInt64>, in region: Region) {
    let count = words.count
    let memory = region.allocate(8 * count).bindMemory(to: UInt64.self, capacity: Swift.max(count, 1))
    var at = 0
    for word in words {
      memory[at] = word
      at &+= 1
    }
    self.init(memory, count: count)
  }

  /// One of the words.
  @inlinable public subscript(index: Int) -> UInt64 { base[index] }

  /// The words themselves.
  @inlinable public var buffer: UnsafeBufferPointer<UInt64> { UnsafeBufferPointer(start: base, count: count) }

  @inlinable public static func == (a: Words, b: Words) -> Bool {
    guard a.first == b.first && a.count == b.count else { return false }
    var i = 1
    while i < a.count {
      if a.base[i] != b.base[i] { return false }
      i &+= 1
    }
    return true
  }

  @inlinable public static func < (a: Words, b: Words) -> Bool {
    if a.first != b.first { return a.first < b.first }
    let shared = Swift.min(a.count, b.count)
    var i = 1
    while i < shared {
      if a.base[i] != b.base[i] { return a.base[i] < b.base[i] }
      i &+= 1
    }
    return a.count < b.count
  }

  @inlinable public func hash(into hasher: inout Hasher) {
    for i in 0..<count { hasher.combine(base[i]) }
  }

  @inlinable public static var routeIsStable: Bool { true }
  @inlinable public var route: UInt64 {
    var sum = first
    var i = 1
    while i < count {
      sum = finalize(sum) &+ base[i]
      i &+= 1
    }
    return finalize(sum)
  }

  @inlinable public var radix: UInt64 { first }
  @inlinable public static var radixWidth: Int { 64 }
  @inlinable public static var hasDeepRadix: Bool { true }
  @inlinable public func radix(from position: Int) -> UInt64 { position < count ? base[position] : 0 }
  @inlinable public func radixPosition(after position: Int) -> Int? { position + 1 < count ? position + 1 : nil }
  @inlinable public var radixExtent: Int { Swift.max(count, 1) }

  @inlinable public static var isOfWords: Bool { true }
  @inlinable public var wordCount: Int { count }
  @inlinable public func copyWords(to place: UnsafeMutablePointer<UInt64>) {
    for i in 0..<count { place[i] = base[i] }
  }
  @inlinable public static func record(of words: UnsafePointer<UInt64>, count: Int) -> Words? {
    Words(words, count: count)
  }

  @inlinable public static var isView: Bool { true }

  @inlinable public func kept(in region: Region) -> Words { Words(buffer, in: region) }

  /// A row is found by its index: nothing more is held for it.
  public struct Stored: BitwiseCopyable { @inlinable init() {} }

  @inlinable @inline(__always) public static func load(_ stored: Stored, at index: Int, from arena: WordArena) -> Words
  {
    Words(arena.base + index &* arena.width, count: arena.width)
  }

  @inlinable @inline(__always) public func store(at index: Int, in arena: inout WordArena) -> Stored {
    if arena.width < 0 || arena.capacity < (index &+ 1) &* count { arena.makeRoom(count, index) }
    precondition(arena.width == count, "all rows of one column have as many words")
    let place = arena.base + index &* count
    for i in 0..<count { place[i] = base[i] }
    return Stored()
  }
}

extension Words: CustomStringConvertible {
  public var description: String { Array(buffer).description }
}

/// The words of a column of rows, one row after another.
public struct WordArena: RecordArena {
  @usableFromInline var base: UnsafeMutablePointer<UInt64>
  /// How many words a row has; below 0 while there is none.
  @usableFromInline var width = -1
  /// For how many words there is room.
  @usableFromInline var capacity = 0
  @usableFromInline var expectedRows: Int

  @inlinable public init(capacity: Int) {
    expectedRows = capacity
    base = .allocate(capacity: 1)
  }

  @inlinable public func deallocate() { base.deallocate() }
  @inlinable public mutating func removeAll() { width = -1 }
  @inlinable public mutating func reserve(for a: Self, and b: Self) {}

  @inlinable @inline(never) mutating func makeRoom(_ width: Int, _ index: Int) {
    if self.width < 0 { self.width = width }
    let needed = (index + 1) * width
    guard needed > capacity else { return }
    let wanted = Swift.max(needed, capacity == 0 ? expectedRows * width : 2 * capacity)
    let wider = UnsafeMutablePointer<UInt64>.allocate(capacity: wanted)
    wider.update(from: base, count: Swift.min(index * width, capacity))
    base.deallocate()
    base = wider
    capacity = wanted
  }

  @inlinable public static var pieceCount: Int { 1 }

  public func appendPieces(to pieces: inout [UnsafeRawBufferPointer], records: Int) {
    pieces.append(UnsafeRawBufferPointer(start: base, count: 8 * records * Swift.max(width, 0)))
  }

  public init?(pieces: ArraySlice<UnsafeRawBufferPointer>, records: Int) {
    guard let piece = pieces.first, let start = piece.baseAddress, records > 0, piece.count % (8 * records) == 0 else {
      return nil
    }
    base = UnsafeMutablePointer(mutating: start.assumingMemoryBound(to: UInt64.self))
    width = piece.count / (8 * records)
    capacity = width * records
    expectedRows = records
  }

  public func appendAllocations(to allocations: inout [UnsafeMutableRawPointer]) {
    allocations.append(UnsafeMutableRawPointer(base))
  }
}
