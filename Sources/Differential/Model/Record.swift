/// What collections hold: a value that can be compared, hashed and copied byte by byte.
///
/// Any such type of fixed size joins in with an empty conformance. A type that also gives a ``radix`` is sorted by
/// distribution instead of comparison and found by its bits instead of binary search; integers, pairs and triples do.
///
/// A record of another size is a *view*: a small value that points to its content, as ``Text`` and ``Words`` are. It says by
/// ``Stored`` and ``Arena`` how a column holds it, so that the content is in the column and nothing is boxed. A view is
/// valid as long as the column that it was read from, or the memory that it was made in: in a closure of an operator, during the
/// call. See <doc:Layouts>.
///
/// Laws: `a < b` implies `a.radix <= b.radix`; `radix` is below `2 ** radixWidth`; if ``radixIsTotal`` then equal
/// radices mean equal records. What is loaded is equal to what was stored.
public protocol Record: Hashable, Comparable, BitwiseCopyable, Sendable {
  /// What a column holds for each record.
  associatedtype Stored: BitwiseCopyable = Self
  /// What a column holds beside that: the content of all its records.
  associatedtype Arena: RecordArena = NoArena
  /// The record that a column holds at an index.
  static func load(_ stored: Stored, at index: Int, from arena: Arena) -> Self
  /// Puts the content in a column's arena; what the column is to hold at the index. Indices come in order.
  func store(at index: Int, in arena: inout Arena) -> Stored
  /// Whether it points to content elsewhere.
  static var isView: Bool { get }
  /// The same record, valid as long as the region.
  func kept(in region: Region) -> Self

  /// Leading bits of the record in the order of the record.
  var radix: UInt64 { get }
  /// How many low bits of ``radix`` are used.
  static var radixWidth: Int { get }
  /// Whether ``radix`` holds the whole record.
  static var radixIsTotal: Bool { get }
  /// Bits by which workers divide records among themselves, and by which views are found. Equal records have equal ones.
  var route: UInt64 { get }
  /// Whether ``route`` is the same in every process, and on another day.
  static var routeIsStable: Bool { get }

  /// Whether all of the record can be had in radices, one position after another.
  ///
  /// Law: of records that agree in all radices so far, the order is that of their radices at the next position, which is the
  /// same for all of them.
  static var hasDeepRadix: Bool { get }
  /// The radix at a position. At 0 it is in the order of ``radix``.
  func radix(from position: Int) -> UInt64
  /// The position after one; nil if the radices up to there hold the whole record.
  func radixPosition(after position: Int) -> Int?
  /// Where positions end: beyond it nothing of this record is left.
  var radixExtent: Int { get }

  /// Whether it is words and nothing else, in their order as unsigned numbers: then short rows are sorted where their words are.
  ///
  /// All records of a collection of such have equally many.
  static var isOfWords: Bool { get }
  /// How many words it is, if it is words.
  var wordCount: Int { get }
  /// Writes its words, if it is words.
  func copyWords(to place: UnsafeMutablePointer<UInt64>)
  /// The record that some words are, valid as long as these; nil if records are no words.
  static func record(of words: UnsafePointer<UInt64>, count: Int) -> Self?
}

extension Record {
  @inlinable public static var isView: Bool { false }
  @inlinable public func kept(in region: Region) -> Self { self }
  @inlinable public var radix: UInt64 { 0 }
  @inlinable public static var radixWidth: Int { 0 }
  @inlinable public static var radixIsTotal: Bool { false }
  @inlinable public var route: UInt64 { finalize(UInt64(truncatingIfNeeded: hashValue)) }
  @inlinable public static var routeIsStable: Bool { false }
  @inlinable public static var hasDeepRadix: Bool { radixIsTotal }
  @inlinable public func radix(from position: Int) -> UInt64 { radix }
  @inlinable public func radixPosition(after position: Int) -> Int? { nil }
  @inlinable public var radixExtent: Int { 1 }
  @inlinable public static var isOfWords: Bool { false }
  @inlinable public var wordCount: Int { 0 }
  @inlinable public func copyWords(to place: UnsafeMutablePointer<UInt64>) {}
  @inlinable public static func record(of words: UnsafePointer<UInt64>, count: Int) -> Self? { nil }
}

extension Record where Stored == Self, Arena == NoArena {
  @inlinable @inline(__always) public static func load(_ stored: Self, at index: Int, from arena: NoArena) -> Self {
    stored
  }
  @inlinable @inline(__always) public func store(at index: Int, in arena: inout NoArena) -> Self { self }
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
  @inlinable public static var routeIsStable: Bool { true }
}

extension Record where Self: FixedWidthInteger & SignedInteger {
  @inlinable public var radix: UInt64 {
    UInt64(truncatingIfNeeded: Int64(self) &- Int64(Self.min))
  }
  @inlinable public static var radixWidth: Int { bitWidth }
  @inlinable public static var radixIsTotal: Bool { true }
  @inlinable public var route: UInt64 { finalize(UInt64(truncatingIfNeeded: self)) }
  @inlinable public static var routeIsStable: Bool { true }
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
  /// The only value.
  @inlinable public init() {}
  @inlinable public static func < (a: Unit, b: Unit) -> Bool { false }
  @inlinable public static var radixIsTotal: Bool { true }
  @inlinable public var route: UInt64 { 0 }
  @inlinable public static var routeIsStable: Bool { true }
  @inlinable public static var isOfWords: Bool { true }
  @inlinable public static func record(of words: UnsafePointer<UInt64>, count: Int) -> Unit? { Unit() }
}
