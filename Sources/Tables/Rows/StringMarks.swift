/// Which strings are known to be in use, by their index among those that a process has made.
final class StringMarks {
  private var words: [UInt64]

  /// None of so many.
  init(count: Int) { words = [UInt64](repeating: 0, count: count / 64 + 1) }

  func insert(_ index: Int) {
    while index / 64 >= words.count { words += repeatElement(0, count: words.count) }
    words[index / 64] |= 1 << UInt64(index % 64)
  }

  func contains(_ index: Int) -> Bool { index / 64 < words.count && words[index / 64] & 1 << UInt64(index % 64) != 0 }

  /// Inserts what words are numbers of, if they are numbers of strings at all. Others may be taken for some: then these stay.
  /// In an order that words have, the first bit of a number is another.
  ///
  /// - Complexity: O(words).
  func insert(_ numbers: UnsafeBufferPointer<UInt64>, from first: Int, count: Int) {
    let (first, limit) = (UInt64(first), UInt64(count))
    if words.count < count / 64 + 1 { words += repeatElement(0, count: count / 64 + 1 - words.count) }
    words.withUnsafeMutableBufferPointer { words in
      for number in numbers {
        let index = (number & (1 << 63 - 1)) &- first
        if index < limit { words[Int(index / 64)] |= 1 << (index % 64) }
      }
    }
  }
}

extension StringDictionary {
  /// Whether a number is of a string that has gone.
  func isFree(_ number: Int) -> Bool {
    if number >= layeredCount { return entries[number - layeredCount].isNone }
    let bytes = self.bytes(UInt64(number))
    return bytes.isEmpty && layeredNumber(bytes, Self.hash(bytes)) != UInt64(number)
  }

  /// How many strings of this process there are.
  var liveCount: Int { ownCount - freed.count }

  /// Begins to note which strings are in use: those that stay for good, those that are asked for from now on, and what
  /// ``noteInUse(_:)`` is told.
  func beginNoting() { marks = StringMarks(count: ownCount) }

  /// Notes the numbers of rows.
  func noteInUse(_ words: UnsafeBufferPointer<UInt64>) { marks?.insert(words, from: layeredCount, count: ownCount) }

  /// Lets go of those strings of a range that are not known to be in use.
  ///
  /// - Precondition: all that is in use has been noted.
  /// - Complexity: O(range).
  func letGo(_ range: Range<Int>) {
    guard let marks else { return }
    for index in range where !entries[index].isNone && !entries[index].stays && !marks.contains(index) {
      empty(slotOf: index)
      leave(entries[index])
      entries[index] = Entry(entries[index].bytes, count: 0, page: Entry.none, hash: 0, stays: false)
      freed.append(UInt32(index))
      changeCount += 1
    }
  }

  func endNoting() { marks = nil }

  /// Moves those strings of a range that are in pages of which most is not used any more: so these are given back in time.
  ///
  /// - Complexity: O(range + bytes).
  func moveTogether(_ range: Range<Int>) {
    for index in range {
      let entry = entries[index]
      guard !entry.isNone, entry.page != page, let its = pages[entry.page], 2 * its.used < its.memory.count else {
        continue
      }
      let place = copy(UnsafeBufferPointer(start: entry.bytes, count: entry.count))
      entries[index] = Entry(place, count: entry.count, page: page, hash: entry.hash, stays: entry.stays)
      leave(entry)
    }
  }

  /// Takes an entry out of the slots. Those behind it that would not be found any more move up.
  private func empty(slotOf index: Int) {
    let mask = slots.count - 1
    var hole = Int(truncatingIfNeeded: entries[index].hash) & mask
    while slots[hole].isNone || slots[hole].index != index { hole = (hole + 1) & mask }
    var next = (hole + 1) & mask
    while !slots[next].isNone {
      let home = Int(truncatingIfNeeded: entries[slots[next].index].hash) & mask
      if (next - home) & mask >= (next - hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    slots[hole] = .none
  }
}
