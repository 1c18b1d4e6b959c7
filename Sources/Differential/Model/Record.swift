/// What collections hold: a value of fixed size that can be compared, hashed and copied byte by byte.
///
/// Any such type joins in with an empty conformance. A type that also gives a ``radix`` is sorted by distribution
/// instead of comparison and found by its bits instead of binary search; integers, pairs and triples do.
///
/// Laws: `a < b` implies `a.radix <= b.radix`; `radix` is below `2 ** radixWidth`; if ``radixIsTotal`` then equal
/// radices mean equal records.
public protocol Record: Hashable, Comparable, BitwiseCopyable, Sendable {
  /// Leading bits of the record in the order of the record.
  var radix: UInt64 { get }
  /// How many low bits of ``radix`` are used.
  static var radixWidth: Int { get }
  /// Whether ``radix`` holds the whole record.
  static var radixIsTotal: Bool { get }
  /// Bits by which workers divide records among themselves. Only equality within a process is promised.
  var route: UInt64 { get }
}

extension Record {
  @inlinable public var radix: UInt64 { 0 }
  @inlinable public static var radixWidth: Int { 0 }
  @inlinable public static var radixIsTotal: Bool { false }
  @inlinable public var route: UInt64 { finalize(UInt64(truncatingIfNeeded: hashValue)) }
}

/// The finalizer of splitmix64: spreads every input bit over all output bits.
@inlinable public func finalize(_ word: UInt64) -> UInt64 {
  var z = word
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}

extension Record where Self: FixedWidthInteger & UnsignedInteger {
  @inlinable public var radix: UInt64 { UInt64(truncatingIfNeeded: self) }
  @inlinable public static var radixWidth: Int { bitWidth }
  @inlinable public static var radixIsTotal: Bool { true }
  @inlinable public var route: UInt64 { finalize(UInt64(truncatingIfNeeded: self)) }
}

extension Record where Self: FixedWidthInteger & SignedInteger {
  @inlinable public var radix: UInt64 {
    UInt64(truncatingIfNeeded: Int64(self) &- Int64(Self.min))
  }
  @inlinable public static var radixWidth: Int { bitWidth }
  @inlinable public static var radixIsTotal: Bool { true }
  @inlinable public var route: UInt64 { finalize(UInt64(truncatingIfNeeded: self)) }
}

extension UInt8: Record {}
extension UInt16: Record {}
extension UInt32: Record {}
extension UInt64: Record {}
extension UInt: Record {}
extension Int8: Record {}
extension Int16: Record {}
extension Int32: Record {}
extension Int64: Record {}
extension Int: Record {}

/// The record without content: the value of a collection that is only keys. It takes no room.
public struct Unit: Record {
  @inlinable public init() {}
  @inlinable public static func < (a: Unit, b: Unit) -> Bool { false }
  @inlinable public static var radixIsTotal: Bool { true }
  @inlinable public var route: UInt64 { 0 }
}

/// Two records in one, ordered by the first and then the second. Keyed collections hold pairs of key and value.
public struct Pair<First: Record, Second: Record>: Record {
  public var first: First
  public var second: Second

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

  @inlinable public var route: UInt64 { finalize(first.route &* 0x9E37_79B9_7F4A_7C15 &+ second.route) }
}

extension Pair: CustomStringConvertible {
  public var description: String { "(\(first), \(second))" }
}

/// Three records in one, ordered from the first to the third.
public typealias Triple<A: Record, B: Record, C: Record> = Pair<A, Pair<B, C>>
