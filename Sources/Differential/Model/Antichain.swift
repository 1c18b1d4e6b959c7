/// A set of times of which none precedes another: the lower edge of a set of times closed upwards.
///
/// As a frontier it says what may still happen: exactly the times that some element precedes. The empty antichain
/// says that nothing can happen any more.
public struct Antichain<Time: Timestamp>: Equatable, Sendable {
  /// The elements, in the total order of times, so that equal antichains are equal values.
  public private(set) var elements: [Time]

  /// The antichain of the minimal elements among the given.
  ///
  /// - Complexity: O(n²).
  public init(_ times: some Sequence<Time>) {
    elements = []
    for time in times { insert(time) }
  }

  /// The empty antichain.
  public init() { elements = [] }

  /// Adds a time unless one already there precedes it, and removes those that it precedes.
  ///
  /// - Returns: Whether it was added.
  /// - Complexity: O(n).
  @discardableResult
  public mutating func insert(_ time: Time) -> Bool {
    if precedes(time) { return false }
    elements.removeAll { time.precedes($0) }
    let place = elements.firstIndex { time < $0 } ?? elements.count
    elements.insert(time, at: place)
    return true
  }

  /// Whether some element precedes the time: the time may still occur.
  public func precedes(_ time: Time) -> Bool { elements.contains { $0.precedes(time) } }

  /// Whether every time beyond `other` is beyond this.
  public func precedes(_ other: Antichain) -> Bool { other.elements.allSatisfy { precedes($0) } }

  /// The frontier of what is beyond both.
  public func join(_ other: Antichain) -> Antichain {
    Antichain(elements.flatMap { a in other.elements.map { a.join($0) } })
  }

  /// The frontier of what is beyond either.
  public func meet(_ other: Antichain) -> Antichain { Antichain(elements + other.elements) }

  /// The canonical time that no reader beyond the frontier can tell from the given one; nil if the frontier is empty.
  ///
  /// For every `f` beyond the frontier, `time.precedes(f)` exactly when the representative does. Two times that agree so
  /// for all `f` have the same representative, which is what lets compaction merge them.
  ///
  /// - Complexity: O(n).
  public func representative(of time: Time) -> Time? {
    guard let first = elements.first else { return nil }
    return elements.dropFirst().reduce(time.join(first)) { $0.meet(time.join($1)) }
  }
}

/// A multiset of times that knows its frontier: how readers and writers of a trace are counted.
public struct CountedAntichain<Time: Timestamp>: Sendable {
  private var counts: [(time: Time, count: Int)] = []

  /// Nothing is held.
  public init() {}

  /// Changes how often a time is held; times held zero times are forgotten.
  ///
  /// - Precondition: No count falls below zero.
  /// - Complexity: O(n).
  public mutating func update(_ time: Time, by difference: Int) {
    if let at = counts.firstIndex(where: { $0.time == time }) {
      counts[at].count += difference
      precondition(counts[at].count >= 0, "a time was released more often than held")
      if counts[at].count == 0 { counts.remove(at: at) }
    } else if difference != 0 {
      precondition(difference > 0, "a time was released that was not held")
      counts.append((time, difference))
    }
  }

  /// The minimal times that are held.
  public var frontier: Antichain<Time> { Antichain(counts.map(\.time)) }
}
