/// A partial order.
///
/// Laws: `precedes` is reflexive, transitive and antisymmetric. The checks of which updates count at a time rely on all three.
public protocol PartiallyOrdered: Equatable {
  /// Whether `self` is below or equal to `other`.
  func precedes(_ other: Self) -> Bool
}

/// A partial order in which every two elements have a least upper and a greatest lower bound.
///
/// Laws: `join` and `meet` are associative, commutative and idempotent, absorb each other, and agree with the order:
/// `a.precedes(b)` exactly when `a.join(b) == b` and when `a.meet(b) == a`. Joins place the output of bilinear and
/// grouping operators; meets drive compaction.
public protocol Lattice: PartiallyOrdered {
  /// The least element that both precede.
  func join(_ other: Self) -> Self
  /// The greatest element that precedes both.
  func meet(_ other: Self) -> Self
}

/// A logical time: an epoch, and within loops one round for each loop around it.
///
/// `<` is a total order that extends the partial one (`precedes` implies `<=`): by epoch, then by round from the outermost
/// loop inwards. The scheduler runs the phases of an epoch in that order, which is why no time is visited before one
/// that could still influence it.
public protocol Timestamp: Lattice, Comparable, Hashable, BitwiseCopyable, Sendable {
  /// The outermost coordinate, in which the world moves.
  associatedtype Epoch: EpochTime
  /// The least time.
  static var minimum: Self { get }
  /// Whether `precedes` is a total order, in which case cheaper algorithms apply.
  static var isTotallyOrdered: Bool { get }
  /// The outermost coordinate.
  var epoch: Epoch { get }
  /// The rounds alone: this time at the least epoch.
  var phase: Self { get }
  /// This time, not before the given epoch: the least upper bound with the epoch's first time.
  func advanced(to epoch: Epoch) -> Self
}

/// A coordinate: a natural number, totally ordered, that serves as an epoch and as the round of a loop.
public protocol EpochTime: Timestamp, FixedWidthInteger, UnsignedInteger where Epoch == Self {}

extension EpochTime {
  @inlinable public func precedes(_ other: Self) -> Bool { self <= other }
  @inlinable public func join(_ other: Self) -> Self { self < other ? other : self }
  @inlinable public func meet(_ other: Self) -> Self { self < other ? self : other }
  @inlinable public static var minimum: Self { 0 }
  @inlinable public static var isTotallyOrdered: Bool { true }
  @inlinable public var epoch: Self { self }
  @inlinable public var phase: Self { 0 }
  @inlinable public func advanced(to epoch: Self) -> Self { self < epoch ? epoch : self }
}

extension UInt8: EpochTime { public typealias Epoch = UInt8 }
extension UInt16: EpochTime { public typealias Epoch = UInt16 }
extension UInt32: EpochTime { public typealias Epoch = UInt32 }
extension UInt64: EpochTime { public typealias Epoch = UInt64 }

/// The time inside a loop: the time outside it and the round, ordered coordinate by coordinate.
public struct Product<Outer: Timestamp, Inner: EpochTime>: Timestamp {
  public typealias Epoch = Outer.Epoch
  /// The time in the scope around the loop.
  public var outer: Outer
  /// The round of the loop.
  public var inner: Inner

  /// The round of a loop at a time outside it.
  @inlinable public init(_ outer: Outer, _ inner: Inner) {
    self.outer = outer
    self.inner = inner
  }

  @inlinable public static var minimum: Self { Product(Outer.minimum, 0) }
  @inlinable public static var isTotallyOrdered: Bool { false }
  @inlinable public var epoch: Epoch { outer.epoch }
  @inlinable public var phase: Self { Product(outer.phase, inner) }
  @inlinable public func advanced(to epoch: Epoch) -> Self { Product(outer.advanced(to: epoch), inner) }
  @inlinable public func precedes(_ other: Self) -> Bool { inner <= other.inner && outer.precedes(other.outer) }
  @inlinable public func join(_ other: Self) -> Self { Product(outer.join(other.outer), inner.join(other.inner)) }
  @inlinable public func meet(_ other: Self) -> Self { Product(outer.meet(other.outer), inner.meet(other.inner)) }
  @inlinable public static func < (a: Self, b: Self) -> Bool {
    a.outer == b.outer ? a.inner < b.inner : a.outer < b.outer
  }
}

/// How a stored time is seen from a scope: as it is, or entered into one loop or more.
///
/// A shared arrangement is stored once, with the times of the scope that made it; each reader looks through a lens.
public protocol TimeLens {
  associatedtype Stored: Timestamp
  associatedtype Seen: Timestamp where Seen.Epoch == Stored.Epoch
  /// The seen time of a stored one. Monotone, and keeps joins and meets.
  static func view(_ time: Stored) -> Seen
}

/// The lens of the scope that made the arrangement.
public enum SameTime<T: Timestamp>: TimeLens {
  public typealias Stored = T
  public typealias Seen = T
  @inlinable public static func view(_ time: T) -> T { time }
}

/// The lens of a loop: everything outside is there from the loop's round 0 on.
public enum EnteredTime<Around: TimeLens, Inner: EpochTime>: TimeLens {
  public typealias Stored = Around.Stored
  public typealias Seen = Product<Around.Seen, Inner>
  @inlinable public static func view(_ time: Stored) -> Seen { Product(Around.view(time), 0) }
}
