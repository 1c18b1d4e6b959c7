/// Different keys by number, in the order in which they came. Keys are words, all of one width.
struct RowIndex {
  private let width: Int
  private var keys: [UInt64] = []
  private(set) var count = 0
  /// Open addressing: a number plus one, or zero. At most half full.
  private var slots = [Int32](repeating: 0, count: 64)

  init(width: Int) { self.width = width }

  /// The number of a key; nil if it has none.
  func number(of key: UnsafePointer<UInt64>) -> Int? {
    let slot = slot(of: key)
    return slots[slot] == 0 ? nil : Int(slots[slot] - 1)
  }

  /// The number of a key, a new one if it has none.
  mutating func insert(_ key: UnsafePointer<UInt64>) -> (number: Int, isNew: Bool) {
    let slot = slot(of: key)
    if slots[slot] != 0 { return (Int(slots[slot] - 1), false) }
    keys.append(contentsOf: UnsafeBufferPointer(start: key, count: width))
    count += 1
    slots[slot] = Int32(count)
    if count * 2 > slots.count { grow() }
    return (count - 1, true)
  }

  func key(_ number: Int) -> ArraySlice<UInt64> { keys[number * width..<(number + 1) * width] }

  private func slot(of key: UnsafePointer<UInt64>) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: Self.hash(key, width)) & mask
    probe: while slots[slot] != 0 {
      let start = Int(slots[slot] - 1) * width
      for column in 0..<width where keys[start + column] != key[column] {
        slot = (slot + 1) & mask
        continue probe
      }
      return slot
    }
    return slot
  }

  private mutating func grow() {
    slots = [Int32](repeating: 0, count: slots.count * 2)
    let mask = slots.count - 1
    keys.withUnsafeBufferPointer { keys in
      for number in 0..<count {
        var slot = 0
        if let base = keys.baseAddress {
          slot = Int(truncatingIfNeeded: Self.hash(base + number * width, width)) & mask
        }
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(number + 1)
      }
    }
  }

  /// Only within a process.
  static func hash(_ key: UnsafePointer<UInt64>, _ width: Int) -> UInt64 {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
    for column in 0..<width {
      let product = (hash ^ key[column]).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
      hash = product.high ^ product.low &+ 0xE703_7ED1_A0B4_28DB
    }
    return hash ^ hash >> 32
  }
}
