/// What a column holds beside its stored forms: the content of records that are views.
///
/// It is a plain value that owns memory by hand, like everything in a batch: ``deallocate()`` frees it.
public protocol RecordArena: BitwiseCopyable {
  /// Nothing yet, for so many records.
  init(capacity: Int)
  /// Frees the memory.
  func deallocate()
  /// Forgets the contents and keeps the memory.
  mutating func removeAll()
  /// Makes room in an empty arena for what two others hold.
  mutating func reserve(for a: Self, and b: Self)
  /// How many pieces of memory an arena of this type is.
  static var pieceCount: Int { get }
  /// The pieces, for so many records: what it takes to have the arena again.
  func appendPieces(to pieces: inout [UnsafeRawBufferPointer], records: Int)
  /// An arena in memory that others own, of pieces as `appendPieces` gives them; nil if they cannot be right.
  init?(pieces: ArraySlice<UnsafeRawBufferPointer>, records: Int)
  /// Memory to free with the batch that the arena becomes part of.
  func appendAllocations(to allocations: inout [UnsafeMutableRawPointer])
}

/// The arena of records that hold all that they are.
public struct NoArena: RecordArena {
  @inlinable public init(capacity: Int) {}
  @inlinable public func deallocate() {}
  @inlinable public mutating func removeAll() {}
  @inlinable public mutating func reserve(for a: Self, and b: Self) {}
  @inlinable public static var pieceCount: Int { 0 }
  @inlinable public func appendPieces(to pieces: inout [UnsafeRawBufferPointer], records: Int) {}
  @inlinable public init?(pieces: ArraySlice<UnsafeRawBufferPointer>, records: Int) {}
  @inlinable public func appendAllocations(to allocations: inout [UnsafeMutableRawPointer]) {}
}

/// The arenas of the two sides of pairs.
public struct PairArena<First: RecordArena, Second: RecordArena>: RecordArena {
  @usableFromInline var first: First
  @usableFromInline var second: Second

  @inlinable public init(capacity: Int) {
    first = First(capacity: capacity)
    second = Second(capacity: capacity)
  }

  @inlinable public func deallocate() {
    first.deallocate()
    second.deallocate()
  }

  @inlinable public mutating func removeAll() {
    first.removeAll()
    second.removeAll()
  }

  @inlinable public mutating func reserve(for a: Self, and b: Self) {
    first.reserve(for: a.first, and: b.first)
    second.reserve(for: a.second, and: b.second)
  }

  @inlinable public static var pieceCount: Int { First.pieceCount + Second.pieceCount }

  @inlinable public func appendPieces(to pieces: inout [UnsafeRawBufferPointer], records: Int) {
    first.appendPieces(to: &pieces, records: records)
    second.appendPieces(to: &pieces, records: records)
  }

  @inlinable public init?(pieces: ArraySlice<UnsafeRawBufferPointer>, records: Int) {
    guard let first = First(pieces: pieces.prefix(First.pieceCount), records: records),
      let second = Second(pieces: pieces.dropFirst(First.pieceCount), records: records)
    else { return nil }
    self.first = first
    self.second = second
  }

  @inlinable public func appendAllocations(to allocations: inout [UnsafeMutableRawPointer]) {
    first.appendAllocations(to: &allocations)
    second.appendAllocations(to: &allocations)
  }
}

/// Records at rest, one after another, as their type says.
///
/// For records that hold all that they are it is a pointer and nothing else. The memory belongs to whoever made the column.
@usableFromInline struct Column<Element: Record> {
  @usableFromInline var slots: UnsafeMutablePointer<Element.Stored>
  @usableFromInline var arena: Element.Arena

  /// Room for so many records. What is not used is never touched, and so costs no memory.
  @inlinable init(capacity: Int) {
    slots = .allocate(capacity: capacity)
    arena = Element.Arena(capacity: capacity)
  }

  @inlinable init(slots: UnsafeMutablePointer<Element.Stored>, arena: Element.Arena) {
    self.slots = slots
    self.arena = arena
  }

  @inlinable func deallocate() {
    slots.deallocate()
    arena.deallocate()
  }

  @inlinable @inline(__always) subscript(index: Int) -> Element {
    Element.load(slots[index], at: index, from: arena)
  }

  /// Puts a record at an index. Indices come in order.
  @inlinable @inline(__always) mutating func put(_ element: Element, at index: Int) {
    slots[index] = element.store(at: index, in: &arena)
  }

  /// Copies records of another column to the end of this one, which has room for them.
  @inlinable mutating func append(_ count: Int, of other: Column, from start: Int, at index: Int) {
    if Element.isView {
      for i in 0..<count { put(other[start &+ i], at: index &+ i) }
    } else {
      (slots + index).update(from: other.slots + start, count: count)
    }
  }

  /// Moves to wider memory.
  @inlinable mutating func grow(from count: Int, to capacity: Int) {
    let wider = UnsafeMutablePointer<Element.Stored>.allocate(capacity: capacity)
    wider.moveInitialize(from: slots, count: count)
    slots.deallocate()
    slots = wider
  }
}
