/// A time for programs whose loops are known only when they run: an epoch, and the rounds of up to ``depthLimit`` loops, one
/// inside the other. Loops that a collection is not in are at round 0.
///
/// It is what ``Product`` is for loops that the Swift program spells out; as one type it is compiled once for all of them.
public struct LoopTime: Timestamp {
  public typealias Epoch = UInt32
  public var epoch: UInt32
  @usableFromInline var first: UInt32
  @usableFromInline var second: UInt32
  @usableFromInline var third: UInt32

  /// How many loops there may be, one inside the other.
  public static var depthLimit: Int { 3 }

  @inlinable init(_ epoch: UInt32, _ first: UInt32, _ second: UInt32, _ third: UInt32) {
    self.epoch = epoch
    self.first = first
    self.second = second
    self.third = third
  }

  /// An epoch, in the first rounds of all loops.
  @inlinable public init(_ epoch: UInt32) { self.init(epoch, 0, 0, 0) }

  /// The round of a loop, counted from the outermost, 0.
  @inlinable public func round(of loop: Int) -> UInt32 { loop == 0 ? first : loop == 1 ? second : third }

  /// The same in another round of a loop.
  @inlinable public func with(round: UInt32, of loop: Int) -> LoopTime {
    var time = self
    if loop == 0 { time.first = round } else if loop == 1 { time.second = round } else { time.third = round }
    return time
  }

  @inlinable public static var minimum: LoopTime { LoopTime(0) }
  @inlinable public static var isTotallyOrdered: Bool { false }
  @inlinable public var phase: LoopTime { LoopTime(0, first, second, third) }

  @inlinable public func advanced(to epoch: UInt32) -> LoopTime {
    LoopTime(Swift.max(self.epoch, epoch), first, second, third)
  }

  @inlinable public func precedes(_ other: LoopTime) -> Bool {
    epoch <= other.epoch && first <= other.first && second <= other.second && third <= other.third
  }

  @inlinable public func join(_ other: LoopTime) -> LoopTime {
    LoopTime(
      Swift.max(epoch, other.epoch), Swift.max(first, other.first), Swift.max(second, other.second),
      Swift.max(third, other.third))
  }

  @inlinable public func meet(_ other: LoopTime) -> LoopTime {
    LoopTime(
      Swift.min(epoch, other.epoch), Swift.min(first, other.first), Swift.min(second, other.second),
      Swift.min(third, other.third))
  }

  @inlinable public static func < (a: LoopTime, b: LoopTime) -> Bool {
    if a.epoch != b.epoch { return a.epoch < b.epoch }
    if a.first != b.first { return a.first < b.first }
    return a.second == b.second ? a.third < b.third : a.second < b.second
  }
}

/// The lens of loops known at run time, on what was made outside all of them.
public enum EnteredLoops: TimeLens {
  public typealias Stored = UInt32
  public typealias Seen = LoopTime
  @inlinable public static func view(_ time: UInt32) -> LoopTime { LoopTime(time) }
}
