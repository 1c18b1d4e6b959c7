/// Two records in one, ordered by the first and then the second. Keyed collections hold pairs of key and value.
public struct Pair<First: Record, Second: Record>: Record {
  /// The key, in keyed collections.
  public var first: First
  /// The value, in keyed collections.
  public var second: Second

  /// A pair of two records.
  @inlinable public init(_ first: First, _ second: Second) {
    self.first = first
    self.second = second
  }

  @inlinable public static func < (a: Self, b: Self) -> Bool {
    a.first == b.first ? a.second < b.second : a.first < b.first
  }

  @inlinable public static var radixWidth: Int {
    First.radixIsTotal ? min(64, First.radixWidth + Second.radixWidth) : First.radixWidth
  }

  @inlinable public static var radixIsTotal: Bool {
    First.radixIsTotal && Second.radixIsTotal && First.radixWidth + Second.radixWidth <= 64
  }

  @inlinable public var radix: UInt64 {
    guard First.radixIsTotal, First.radixWidth < 64, Second.radixWidth > 0 else { return first.radix }
    let room = 64 - First.radixWidth
    if Second.radixWidth <= room { return first.radix << UInt64(Second.radixWidth) | second.radix }
    return first.radix << UInt64(room) | second.radix >> UInt64(Second.radixWidth - room)
  }

  @inlinable public static var routeIsStable: Bool { First.routeIsStable && Second.routeIsStable }
  @inlinable public var route: UInt64 { finalize(first.route &* 0x9E37_79B9_7F4A_7C15 &+ second.route) }
}

/// What a column of pairs holds for each: as much as a column of each of the two would.
public struct StoredPair<First: BitwiseCopyable, Second: BitwiseCopyable>: BitwiseCopyable {
  @usableFromInline var first: First
  @usableFromInline var second: Second
  @inlinable init(_ first: First, _ second: Second) {
    self.first = first
    self.second = second
  }
}

extension Pair {
  public typealias Stored = StoredPair<First.Stored, Second.Stored>
  public typealias Arena = PairArena<First.Arena, Second.Arena>

  @inlinable @inline(__always) public static func load(_ stored: Stored, at index: Int, from arena: Arena) -> Self {
    Self(
      First.load(stored.first, at: index, from: arena.first), Second.load(stored.second, at: index, from: arena.second))
  }

  @inlinable @inline(__always) public func store(at index: Int, in arena: inout Arena) -> Stored {
    Stored(first.store(at: index, in: &arena.first), second.store(at: index, in: &arena.second))
  }

  @inlinable public static var isView: Bool { First.isView || Second.isView }

  @inlinable public func kept(in region: Region) -> Self {
    Self.isView ? Self(first.kept(in: region), second.kept(in: region)) : self
  }
}

// Positions of a pair are those of the first, then those of the second from the extent of the first on. Pairs that
// agree in the first have the same extent of it.
extension Pair {
  @inlinable public static var hasDeepRadix: Bool { First.hasDeepRadix && Second.hasDeepRadix }

  @inlinable public func radix(from position: Int) -> UInt64 {
    let extent = first.radixExtent
    return position < extent ? first.radix(from: position) : second.radix(from: position &- extent)
  }

  @inlinable public func radixPosition(after position: Int) -> Int? {
    let extent = first.radixExtent
    if position < extent { return first.radixPosition(after: position) ?? (Second.radixWidth > 0 ? extent : nil) }
    return second.radixPosition(after: position &- extent).map { $0 &+ extent }
  }

  @inlinable public var radixExtent: Int { first.radixExtent &+ second.radixExtent }
}

extension Pair: CustomStringConvertible {
  public var description: String { "(\(first), \(second))" }
}

/// Three records in one, ordered from the first to the third.
public typealias Triple<A: Record, B: Record, C: Record> = Pair<A, Pair<B, C>>
