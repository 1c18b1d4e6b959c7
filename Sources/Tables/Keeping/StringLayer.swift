import Language

/// Strings with consecutive numbers, as bytes that are read in place: with a table to find them by.
///
///     0   first number 8 · count 8 · slots 8: a power of two · bytes of the strings 8
///     32  offsets of the strings, and of the end of the last, 4 each
///         slots, 4 each: a number from the first on plus one, or zero; at most half are taken
///         strings, one after the other
///
/// A string of hash h is at or behind the slot of the low bits of h.
struct StringLayer {
  let first: Int
  let count: Int
  private let mask: Int
  private let offsets: UnsafePointer<UInt32>
  private let slots: UnsafePointer<UInt32>
  private let text: UnsafePointer<UInt8>
  private let owner: AnyObject
  /// What it is called where it is kept.
  let name: UInt64

  private static let headerBytes = 32

  /// Nil where the sizes do not fit.
  ///
  /// - Parameter bytes: at a multiple of 8; they stay for as long as the owner.
  init?(_ bytes: UnsafeRawBufferPointer, heldBy owner: AnyObject, name: UInt64) {
    guard bytes.count >= Self.headerBytes, let base = bytes.baseAddress else { return nil }
    func word(_ index: Int) -> Int? { Int(exactly: base.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)) }
    guard let first = word(0), let count = word(1), let slotCount = word(2), let textBytes = word(3),
      first < 1 << 32, count < 1 << 32, slotCount < 1 << 34, slotCount & (slotCount - 1) == 0, count < slotCount,
      textBytes <= bytes.count,
      Self.headerBytes + 4 * (count + 1) + 4 * slotCount + textBytes == bytes.count
    else { return nil }
    self.first = first
    self.count = count
    self.owner = owner
    self.name = name
    mask = slotCount - 1
    offsets = (base + Self.headerBytes).assumingMemoryBound(to: UInt32.self)
    slots = (base + Self.headerBytes + 4 * (count + 1)).assumingMemoryBound(to: UInt32.self)
    text = (base + Self.headerBytes + 4 * (count + 1) + 4 * slotCount).assumingMemoryBound(to: UInt8.self)
    guard Int(offsets[count]) == textBytes else { return nil }
  }

  /// - Precondition: the number is one of the layer's.
  func bytes(_ number: Int) -> UnsafeBufferPointer<UInt8> {
    let start = Int(offsets[number - first])
    return UnsafeBufferPointer(start: text + start, count: Int(offsets[number - first + 1]) - start)
  }

  func number(of bytes: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int? {
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let number = first + Int(slots[slot] - 1)
      if self.bytes(number).elementsEqual(bytes) { return number }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// The bytes of a layer of consecutive numbers; nil where they would take 4 GiB.
  ///
  /// - Complexity: O(bytes).
  static func encoded(_ numbers: Range<Int>, of strings: StringDictionary) -> [UInt8]? {
    var textBytes = 0
    for number in numbers { textBytes += strings.bytes(UInt64(number)).count }
    guard textBytes < Int(UInt32.max) else { return nil }
    var slotCount = 16
    while slotCount < 2 * numbers.count { slotCount *= 2 }
    let size = headerBytes + 4 * (numbers.count + 1) + 4 * slotCount + textBytes
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
      initialized = size
      buffer.initialize(repeating: 0)
      let base = UnsafeMutableRawPointer(buffer.baseAddress!)  // There is a header at least.
      let header = [numbers.lowerBound, numbers.count, slotCount, textBytes]
      for (index, word) in header.enumerated() {
        base.storeBytes(of: UInt64(word), toByteOffset: 8 * index, as: UInt64.self)
      }
      let offsets = (base + headerBytes).assumingMemoryBound(to: UInt32.self)
      let slots = offsets + numbers.count + 1
      let text = UnsafeMutableRawPointer(slots + slotCount)
      var end = 0
      for (index, number) in numbers.enumerated() {
        let string = strings.bytes(UInt64(number))
        if let source = string.baseAddress { (text + end).copyMemory(from: source, byteCount: string.count) }
        end += string.count
        offsets[index + 1] = UInt32(end)
        // Nobody may find an empty string in the place of one that has gone.
        if strings.isFree(number) { continue }
        var slot = Int(truncatingIfNeeded: StringDictionary.hash(string)) & (slotCount - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slotCount - 1) }
        slots[slot] = UInt32(index + 1)
      }
    }
  }
}
