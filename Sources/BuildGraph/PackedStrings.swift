/// Strings that are many and seldom looked at, by number. Those of a run of them lie one behind the other in one block: a string of its own
/// takes 40 bytes and more beside what it says, and is made when it is asked for.
///
/// Is shared as ``Chunked`` is: a copy costs one reference for each run, and growing one that somebody else holds copies its last run.
package struct PackedStrings: RandomAccessCollection, Sendable {
  private static var runLength: Int { 256 }

  private struct Run: Sendable {
    var bytes: ContiguousArray<UInt8> = []
    /// Where each string ends among the bytes.
    var ends: ContiguousArray<UInt32> = []

    func range(of index: Int) -> Range<Int> { (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index]) }

    /// Gives back the room into which a run that is full would have grown.
    mutating func trim() {
      var exact: ContiguousArray<UInt8> = []
      exact.reserveCapacity(bytes.count)
      exact += bytes
      bytes = exact
    }
  }

  private var runs: ContiguousArray<Run> = []
  package private(set) var count = 0

  package init() {}

  package var startIndex: Int { 0 }
  package var endIndex: Int { count }

  /// - Complexity: O(bytes of the string).
  package subscript(position: Int) -> ByteString {
    let run = runs[position / Self.runLength]
    return ByteString(bytes: Array(run.bytes[run.range(of: position % Self.runLength)]))
  }

  /// - Precondition: a run of strings has less than 4 GiB.
  package mutating func append(_ string: ByteString) {
    if count % Self.runLength == 0 {
      if let last = runs.indices.last { runs[last].trim() }
      runs.append(Run())
    }
    runs[runs.count - 1].bytes += string.bytes
    runs[runs.count - 1].ends.append(UInt32(runs[runs.count - 1].bytes.count))
    count += 1
  }

  /// Whether one string comes before another, bytewise and without making them.
  func precedes(_ a: Int, _ b: Int) -> Bool {
    let (first, second) = (runs[a / Self.runLength], runs[b / Self.runLength])
    return first.bytes[first.range(of: a % Self.runLength)]
      .lexicographicallyPrecedes(second.bytes[second.range(of: b % Self.runLength)])
  }

  /// Whether the string of a number is another one, without making it.
  func equals(_ string: ByteString, at position: Int) -> Bool {
    let run = runs[position / Self.runLength]
    return run.bytes[run.range(of: position % Self.runLength)].elementsEqual(string.bytes)
  }
}

/// Values that recur, by number: each once, as far as that is cheap to find out.
struct DistinctValues<Value: Hashable & Sendable>: Sendable {
  /// Most programs have few; to look for an equal one among very many would cost more than it spares.
  private static var keptCount: Int { 256 }

  private var values = Chunked<Value>()
  private var numbers: [Value: UInt32] = [:]

  subscript(number: UInt32) -> Value { values[Int(number)] }

  /// The number of an equal value, or that which the value gets.
  mutating func number(of value: Value) -> UInt32 {
    if let number = numbers[value] { return number }
    let number = append(value)
    if numbers.count < Self.keptCount { numbers[value] = number }
    return number
  }

  /// Adds a value that is not worth looking for.
  mutating func append(_ value: Value) -> UInt32 {
    values.append(value)
    return UInt32(values.count - 1)
  }

  /// Forgets what it takes to find equal values.
  mutating func complete() { numbers = [:] }
}

/// Finds elements of a table by what they are, where a dictionary would hold each a second time: six bytes for each in the mean.
struct IndexTable: Sendable {
  private static var none: UInt32 { .max }

  /// Open addressing with linear probing; a power of two of slots, at most three quarters of them taken.
  private var slots: ContiguousArray<UInt32> = []
  private var count = 0

  /// - Complexity: O(1) on average.
  func find(_ hash: UInt64, where isMeant: (Int) -> Bool) -> Int? {
    if slots.isEmpty { return nil }
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] != Self.none {
      if isMeant(Int(slots[slot])) { return Int(slots[slot]) }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// - Parameter hashOf: of an element that was added before.
  /// - Complexity: O(1), amortised and on average.
  mutating func add(_ index: Int, _ hash: UInt64, hashOf: (Int) -> UInt64) {
    if (count + 1) * 4 > slots.count * 3 {
      let old = slots
      slots = ContiguousArray(repeating: Self.none, count: max(16, old.count * 2))
      for index in old where index != Self.none { place(index, hashOf(Int(index))) }
    }
    place(UInt32(index), hash)
    count += 1
  }

  private mutating func place(_ index: UInt32, _ hash: UInt64) {
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] != Self.none { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = index
  }
}
