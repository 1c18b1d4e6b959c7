/// A difference: an element of an abelian group, saying by how much the multiplicity of a record changes.
///
/// Laws: `+` is associative and commutative, `zero` is its unit and `a - a == zero`. Consolidation, compaction and every
/// reading of a trace sum differences in an arbitrary order and rely on all of them.
public protocol Difference: AdditiveArithmetic, BitwiseCopyable, Sendable {
  /// Whether it takes something away. Traces of which much is taken away are merged sooner; nothing else depends on it.
  var takesAway: Bool { get }
}

extension Difference {
  @inlinable public var takesAway: Bool { false }
}

/// A difference that can be multiplied, as joins need: the pairs of `a` and `b` equal records are `a * b` pairs.
///
/// Laws: `*` distributes over `+` on both sides, and `one` is its unit.
public protocol Weight: Difference {
  /// The difference of one record that appears.
  static var one: Self { get }
  /// The product.
  static func * (a: Self, b: Self) -> Self
}

extension Int: Weight {
  @inlinable public static var one: Int { 1 }
  @inlinable public var takesAway: Bool { self < 0 }
}

extension Int32: Weight {
  @inlinable public static var one: Int32 { 1 }
  @inlinable public var takesAway: Bool { self < 0 }
}

extension Int64: Weight {
  @inlinable public static var one: Int64 { 1 }
  @inlinable public var takesAway: Bool { self < 0 }
}

/// Two differences side by side: two multisets, or a count and a sum, maintained in one.
public struct DifferencePair<First: Difference, Second: Difference>: Difference {
  /// The one.
  public var first: First
  /// The other.
  public var second: Second

  /// Both side by side.
  @inlinable public init(_ first: First, _ second: Second) {
    self.first = first
    self.second = second
  }

  @inlinable public static var zero: Self { Self(.zero, .zero) }
  @inlinable public var takesAway: Bool { first.takesAway }
  @inlinable public static func + (a: Self, b: Self) -> Self { Self(a.first + b.first, a.second + b.second) }
  @inlinable public static func - (a: Self, b: Self) -> Self { Self(a.first - b.first, a.second - b.second) }
}

extension DifferencePair: Weight where First: Weight, Second: Weight {
  @inlinable public static var one: Self { Self(.one, .one) }
  @inlinable public static func * (a: Self, b: Self) -> Self { Self(a.first * b.first, a.second * b.second) }
}
