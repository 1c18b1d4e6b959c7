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

  private var entries: [Entry] = []
  /// Open addressing: a number plus one, or zero. At most half full.
  private var slots: UnsafeMutableBufferPointer<UInt32>
  private var pages: [UnsafeMutableBufferPointer<UInt8>] = []
  private var free: UnsafeMutablePointer<UInt8>
  private var freeCount = 0

  package init() {
    slots = .allocate(capacity: 1 << 10)
    slots.initialize(repeating: 0)
    let page = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: Self.pageSize)
    page.initialize(repeating: 0)
    pages = [page]
    free = page.baseAddress!  // A page is never empty.
    freeCount = Self.pageSize
  }

  deinit {
    slots.deallocate()
    for page in pages { page.deallocate() }
  }

  /// How many different strings there are.
  package var count: Int { entries.count }

  package func bytes(_ id: UInt64) -> UnsafeBufferPointer<UInt8> {
    let entry = entries[Int(id)]
    return UnsafeBufferPointer(start: entry.bytes, count: entry.count)
  }

  /// - Complexity: O(bytes).
  /// - Precondition: fewer than 2³² different strings.
  package func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    let hash = Self.hash(bytes)
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let number = Int(slots[slot] - 1)
      if entries[number].hash == hash, Self.areEqual(entries[number], bytes) { return UInt64(number) }
      slot = (slot + 1) & mask
    }
    let number = entries.count
    entries.append(Entry(bytes: copy(bytes), count: bytes.count, hash: hash))
    slots[slot] = UInt32(number + 1)
    if entries.count * 2 > slots.count { grow() }
    return UInt64(number)
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
    let mask = slots.count - 1
    for (number, entry) in entries.enumerated() {
      var slot = Int(truncatingIfNeeded: entry.hash) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(number + 1)
    }
  }

  private static func areEqual(_ entry: Entry, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard entry.count == bytes.count else { return false }
    var index = 0
    while index < entry.count {
      if entry.bytes[index] != bytes[index] { return false }
      index += 1
    }
    return true
  }

  /// Eight bytes at a time, each multiplied in; only within a process.
  private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
    let raw = UnsafeRawBufferPointer(bytes)
    var index = 0
    while index + 8 <= raw.count {
      hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      index += 8
    }
    var rest: UInt64 = 0
    while index < raw.count {
      rest = rest << 8 | UInt64(raw[index])
      index += 1
    }
    return mix(hash ^ rest)
  }

  private static func mix(_ word: UInt64) -> UInt64 {
    let product = word.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    return product.high ^ product.low ^ word >> 32
  }
}
