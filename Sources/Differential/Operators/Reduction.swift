/// A value with how often it is there.
public struct Counted<Value, Diff> {
  /// The value.
  public var value: Value
  /// How often it is there: a multiplicity, which may be negative.
  public var difference: Diff

  /// A value that is there so often.
  @inlinable public init(_ value: Value, _ difference: Diff) {
    self.value = value
    self.difference = difference
  }
}

extension Counted: Equatable where Value: Equatable, Diff: Equatable {}
extension Counted: Sendable where Value: Sendable, Diff: Sendable {}

extension Counted: CustomStringConvertible {
  /// The value, and how often it is there.
  public var description: String { "\(value) x \(difference)" }
}

/// The values of a key at one time, ascending, none with multiplicity zero.
///
/// Valid during the call that it is given to.
public struct Group<Value: Record, Diff: Difference>: RandomAccessCollection {
  @usableFromInline let values: UnsafeBufferPointer<Counted<Value, Diff>>

  /// A group of values that are ascending, each once and with a multiplicity other than zero.
  @inlinable public init(_ values: UnsafeBufferPointer<Counted<Value, Diff>>) { self.values = values }

  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { values.count }
  /// A value of the group, with its multiplicity.
  @inlinable public subscript(index: Int) -> Counted<Value, Diff> { values[index] }
}

/// Where a reduction puts its results.
public struct Results<Output: Record, Diff: Difference> {
  @usableFromInline var list: Scratch<Counted<Output, Diff>>
  /// Holds the contents of outputs that are views until the operator has put them in a batch.
  @usableFromInline let region: Region?

  /// No results. Whoever makes them, the engine or a reference, frees them by ``deallocate()``.
  @inlinable public init() {
    list = Scratch()
    region = Output.isView ? Region() : nil
  }

  /// Forgets the contents of outputs.
  @inlinable func forget() { if Output.isView { region?.removeAll() } }

  /// Frees the memory. The results may not be used afterwards.
  @inlinable public func deallocate() { list.deallocate() }

  /// What has been added so far.
  public var contents: [Counted<Output, Diff>] { Array(list.buffer) }

  /// Adds a result, so often.
  @inlinable public mutating func append(_ output: Output, _ difference: Diff) {
    if Output.isView, let region {
      list.append(Counted(output.kept(in: region), difference))
    } else {
      list.append(Counted(output, difference))
    }
  }
}

extension Results where Diff: Weight {
  /// Adds a result once.
  @inlinable public mutating func append(_ output: Output) { append(output, .one) }
}

/// How much of a group a reduction looks at.
public enum Reach: Sendable {
  /// All of it.
  case all
  /// So many of the least values, counted with multiplicity.
  case least(Int)
  /// So many of the greatest values, counted with multiplicity.
  case greatest(Int)
}

/// A function from the group of a key to results: what `reduce` maintains.
///
/// Laws: it is a function (the same group gives the same results), and no group gives no results; it is not called
/// for a key without values.
public protocol Reduction<Key, Value, Diff, Output, OutDiff> {
  associatedtype Key: Record
  associatedtype Value: Record
  associatedtype Diff: Difference
  associatedtype Output: Record
  associatedtype OutDiff: Difference
  /// How much of the group is needed. With less than all of it, what is not needed is often not even read.
  var reach: Reach { get }
  /// Appends the results for a group.
  func reduce(_ key: Key, _ group: Group<Value, Diff>, into results: inout Results<Output, OutDiff>)
  /// A difference as a number, for a reach with a limit and for `leastDecides`.
  func multiplicity(_ difference: Diff) -> Int
  /// Whether the results depend only on which is the least value with a positive multiplicity.
  ///
  /// Then a change above that value, or one that leaves it positive, needs no further look.
  var leastDecides: Bool { get }
}

extension Reduction {
  @inlinable public var reach: Reach { .all }
  @inlinable public var leastDecides: Bool { false }
  @inlinable public func multiplicity(_ difference: Diff) -> Int { difference == .zero ? 0 : 1 }
}

/// A reduction by a closure.
public struct ClosureReduction<Key: Record, Value: Record, Diff: Difference, Output: Record, OutDiff: Difference>:
  Reduction
{
  @usableFromInline let body: (Key, Group<Value, Diff>, inout Results<Output, OutDiff>) -> Void
  /// The reduction that a closure is.
  @inlinable public init(_ body: @escaping (Key, Group<Value, Diff>, inout Results<Output, OutDiff>) -> Void) {
    self.body = body
  }
  @inlinable public func reduce(_ key: Key, _ group: Group<Value, Diff>, into results: inout Results<Output, OutDiff>) {
    body(key, group, &results)
  }
}

/// The least value.
public struct LeastReduction<Key: Record, Value: Record>: Reduction {
  /// The one reduction of its kind.
  @inlinable public init() {}
  @inlinable public var reach: Reach { .least(1) }
  @inlinable public var leastDecides: Bool { true }
  @inlinable public func multiplicity(_ difference: Int) -> Int { difference }
  @inlinable public func reduce(_ key: Key, _ group: Group<Value, Int>, into results: inout Results<Value, Int>) {
    for entry in group where entry.difference > 0 {
      results.append(entry.value, 1)
      return
    }
  }
}

/// Whether a key is there.
public struct PresenceReduction<Key: Record>: Reduction {
  /// The one reduction of its kind.
  @inlinable public init() {}
  @inlinable public var leastDecides: Bool { true }
  @inlinable public func multiplicity(_ difference: Int) -> Int { difference }
  @inlinable public func reduce(_ key: Key, _ group: Group<Unit, Int>, into results: inout Results<Unit, Int>) {
    if group[0].difference > 0 { results.append(Unit(), 1) }
  }
}

/// The greatest values, so many of them counted with multiplicity.
public struct GreatestReduction<Key: Record, Value: Record>: Reduction {
  @usableFromInline let count: Int
  /// The greatest `count` values.
  ///
  /// - Precondition: The count is not negative.
  @inlinable public init(count: Int) {
    precondition(count >= 0, "there are no fewer than no greatest values")
    self.count = count
  }
  @inlinable public var reach: Reach { .greatest(count) }
  @inlinable public func multiplicity(_ difference: Int) -> Int { difference }
  @inlinable public func reduce(_ key: Key, _ group: Group<Value, Int>, into results: inout Results<Value, Int>) {
    var wanted = count
    var index = group.count - 1
    while wanted > 0 && index >= 0 {
      let taken = Swift.min(wanted, group[index].difference)
      if taken > 0 {
        results.append(group[index].value, taken)
        wanted -= taken
      }
      index -= 1
    }
  }
}

/// A growable list without reference counts, for the inner loops of one operator. Freed by `deallocate()`.
@usableFromInline struct Scratch<Element> {
  @usableFromInline var base: UnsafeMutablePointer<Element>
  @usableFromInline var count = 0
  @usableFromInline var capacity: Int

  @inlinable init(capacity: Int = 16) {
    base = .allocate(capacity: capacity)
    self.capacity = capacity
  }

  @inlinable func deallocate() { base.deallocate() }

  @inlinable mutating func append(_ element: Element) {
    if count == capacity { grow(count + 1) }
    (base + count).initialize(to: element)
    count &+= 1
  }

  @inlinable @inline(never) mutating func grow(_ wanted: Int) {
    let wider = UnsafeMutablePointer<Element>.allocate(capacity: 2 * wanted)
    wider.moveInitialize(from: base, count: count)
    base.deallocate()
    base = wider
    capacity = 2 * wanted
  }

  /// Makes room for `wanted` elements and sets the count; the elements are not initialised.
  @inlinable mutating func resize(_ wanted: Int) {
    if wanted > capacity { grow(wanted) }
    count = wanted
  }

  @inlinable subscript(index: Int) -> Element {
    get { base[index] }
    nonmutating set { base[index] = newValue }
  }

  @inlinable var buffer: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: base, count: count) }
}

extension Scratch {
  /// Sorts by value and adds up the differences of equal ones; drops what comes to nothing.
  @inlinable mutating func consolidate<Value: Record, Diff: Difference>() where Element == Counted<Value, Diff> {
    guard count > 0 else { return }
    if count > 1 { sortByValue() }
    var kept = 0
    var i = 0
    while i < count {
      var entry = base[i]
      i &+= 1
      while i < count && base[i].value == entry.value {
        entry.difference += base[i].difference
        i &+= 1
      }
      if entry.difference != .zero {
        base[kept] = entry
        kept &+= 1
      }
    }
    count = kept
  }

  @inlinable mutating func sortByValue<Value: Record, Diff: Difference>() where Element == Counted<Value, Diff> {
    if count <= 32 {
      for i in 1..<count {
        let entry = base[i]
        var j = i
        while j > 0 && entry.value < base[j &- 1].value {
          base[j] = base[j &- 1]
          j &-= 1
        }
        base[j] = entry
      }
    } else {
      var sorted = true
      for i in 1..<count where base[i].value < base[i &- 1].value {
        sorted = false
        break
      }
      if sorted { return }
      var rows = UnsafeMutableBufferPointer(start: base, count: count)
      rows.sort { $0.value < $1.value }
    }
  }
}
