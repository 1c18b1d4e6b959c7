import Language

/// The strings of rows of one process: each once, by number, in memory that does not move.
///
/// A number has no meaning outside this dictionary and no order. Strings are never removed: what is kept of a table refers to
/// them. For one thread at a time.
package final class StringDictionary: RowStrings {
  private struct Entry {
    var bytes: UnsafePointer<UInt8>
    var count: Int
    var hash: UInt64
  }

  /// Room for many short strings at once.
  private static let pageSize = 1 << 18

  /// The first `count` are in use. Grown with the slots, with room for one more than half of them.
  private var entries: UnsafeMutableBufferPointer<Entry>
  /// How many different strings there are.
  package private(set) var count = 0
  /// Open addressing: a number plus one, or zero. At most half full.
  private var slots: UnsafeMutableBufferPointer<UInt32>
  private var pages: [UnsafeMutableBufferPointer<UInt8>] = []
  private var free: UnsafeMutablePointer<UInt8>
  private var freeCount = 0

  package init() {
    slots = .allocate(capacity: 1 << 10)
    slots.initialize(repeating: 0)
    entries = .allocate(capacity: slots.count / 2 + 1)
    let page = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: Self.pageSize)
    page.initialize(repeating: 0)
    pages = [page]
    free = page.baseAddress!  // A page is never empty.
    freeCount = Self.pageSize
  }

  deinit {
    slots.deallocate()
    entries.deallocate()
    for page in pages { page.deallocate() }
  }

  package func bytes(_ id: UInt64) -> UnsafeBufferPointer<UInt8> {
    let entry = entries[Int(id)]
    return UnsafeBufferPointer(start: entry.bytes, count: entry.count)
  }

  /// - Complexity: O(bytes).
  /// - Precondition: fewer than 2³² different strings.
  package func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    intern(bytes, Self.hash(bytes))
  }

  private func intern(_ bytes: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> UInt64 {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let number = Int(slots[slot] - 1)
      if entries[number].hash == hash, Self.areEqual(entries[number], bytes) { return UInt64(number) }
      slot = (slot + 1) & mask
    }
    let number = count
    (entries.baseAddress! + number).initialize(to: Entry(bytes: copy(bytes), count: bytes.count, hash: hash))
    count += 1
    slots[slot] = UInt32(number + 1)
    if count * 2 > slots.count { grow() }
    return UInt64(number)
  }

  /// A string whose number is wanted somewhere.
  struct Pending {
    fileprivate var bytes: UnsafeBufferPointer<UInt8>
    fileprivate var hash: UInt64
    fileprivate var slot: UInt32 = 0
    /// Which word its number goes to.
    fileprivate var place: Int

    /// - Parameter bytes: must stay where they are until the number is asked for.
    @inline(__always)
    init(_ bytes: UnsafeBufferPointer<UInt8>, place: Int) {
      self.bytes = bytes
      self.place = place
      hash = StringDictionary.hash(bytes)
    }
  }

  /// Writes the numbers of many strings to their places.
  ///
  /// Each loop needs one place in memory for each string, and none waits for another: they come at once and not one by one.
  func intern(_ pending: UnsafeMutableBufferPointer<Pending>, into words: UnsafeMutableBufferPointer<UInt64>) {
    let mask = slots.count - 1
    for index in pending.indices { pending[index].slot = slots[Int(truncatingIfNeeded: pending[index].hash) & mask] }
    for index in pending.indices where pending[index].slot != 0 {
      let entry = entries[Int(pending[index].slot - 1)]
      if entry.hash != pending[index].hash || entry.count != pending[index].bytes.count { pending[index].slot = 0 }
    }
    for string in pending {
      if string.slot != 0, Self.areEqual(entries[Int(string.slot - 1)], string.bytes) {
        words[string.place] = UInt64(string.slot - 1)
      } else {
        words[string.place] = intern(string.bytes, string.hash)
      }
    }
  }

  package func intern(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBufferPointer { intern($0) } }

  private func copy(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafePointer<UInt8> {
    if bytes.count > freeCount {
      let page = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(Self.pageSize, bytes.count))
      page.initialize(repeating: 0)
      pages.append(page)
      free = page.baseAddress!  // A page is never empty.
      freeCount = page.count
    }
    let start = free
    if let base = bytes.baseAddress { start.update(from: base, count: bytes.count) }
    free += bytes.count
    freeCount -= bytes.count
    return UnsafePointer(start)
  }

  private func grow() {
    slots.deallocate()
    slots = .allocate(capacity: slots.count * 2)
    slots.initialize(repeating: 0)
    let grown = UnsafeMutableBufferPointer<Entry>.allocate(capacity: slots.count / 2 + 1)
    grown.baseAddress!.moveInitialize(from: entries.baseAddress!, count: count)  // Neither is ever empty.
    entries.deallocate()
    entries = grown
    let mask = slots.count - 1
    for number in 0..<count {
      var slot = Int(truncatingIfNeeded: entries[number].hash) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(number + 1)
    }
  }

  private static func areEqual(_ entry: Entry, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard entry.count == bytes.count else { return false }
    let (x, y) = (UnsafeRawPointer(entry.bytes), UnsafeRawBufferPointer(bytes))
    var index = 0
    while index + 8 <= y.count {
      let word = y.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      if x.loadUnaligned(fromByteOffset: index, as: UInt64.self) != word { return false }
      index += 8
    }
    while index < y.count {
      if x.load(fromByteOffset: index, as: UInt8.self) != y[index] { return false }
      index += 1
    }
    return true
  }

  /// Eight bytes at a time, each multiplied in; only within a process.
  @inline(__always)
  private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
    let raw = UnsafeRawBufferPointer(bytes)
    var index = 0
    while index + 8 <= raw.count {
      hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      index += 8
    }
    let rest = raw.count - index
    if rest >= 4 {
      let first = raw.loadUnaligned(fromByteOffset: index, as: UInt32.self)
      let last = raw.loadUnaligned(fromByteOffset: raw.count - 4, as: UInt32.self)
      return mix(hash ^ (UInt64(first) << 32 | UInt64(last)))
    }
    guard rest > 0 else { return mix(hash) }
    let first = UInt64(raw[index]) << 16 | UInt64(raw[index + rest / 2]) << 8 | UInt64(raw[raw.count - 1])
    return mix(hash ^ first)
  }

  private static func mix(_ word: UInt64) -> UInt64 {
    let product = word.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    return product.high ^ product.low ^ word >> 32
  }
}
