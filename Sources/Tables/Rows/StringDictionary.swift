import Language

/// The strings of rows: each once, by number, in memory that does not move.
///
/// A number has no meaning outside this dictionary and no order. Strings go only where somebody finds out which ones no row has any more
/// (``StringCensus``); their numbers are given again then. The first may come from earlier processes, in ``StringLayer``s that are read
/// where they are, and never go. For one thread at a time.
package final class StringDictionary: RowStrings {
  struct Entry {
    var bytes: UnsafePointer<UInt8>
    /// From the lowest bit: 39 of how many bytes there are, whether it stays for good, 24 of the page.
    private var packed: UInt64
    var hash: UInt64

    init(_ bytes: UnsafePointer<UInt8>, count: Int, page: Int, hash: UInt64, stays: Bool) {
      precondition(count < 1 << 39, "a string has fewer than 2³⁹ bytes")
      self.bytes = bytes
      self.hash = hash
      packed = UInt64(count) | (stays ? 1 << 39 : 0) | UInt64(page) << 40
    }

    var count: Int { Int(packed & (1 << 39 - 1)) }
    var page: Int { Int(packed >> 40) }
    var stays: Bool {
      get { packed & 1 << 39 != 0 }
      set { packed = newValue ? packed | 1 << 39 : packed & ~(1 << 39) }
    }
    /// Of a number that is to be given again.
    static let none = 1 << 24 - 1
    var isNone: Bool { page == Self.none }
  }

  /// Where a string is looked for: an index among the entries plus one, or zero for none; and the high half of its hash, so that entries
  /// of other strings are hardly ever looked at.
  struct Slot {
    private var packed: UInt64

    init(index: Int, hash: UInt64) { packed = hash & 0xFFFF_FFFF_0000_0000 | UInt64(index + 1) }

    static var none: Slot { Slot(packed: 0) }

    private init(packed: UInt64) { self.packed = packed }

    var isNone: Bool { packed == 0 }
    /// - Precondition: it is not none.
    var index: Int { Int(packed & 0xFFFF_FFFF) - 1 }

    func mayBe(_ hash: UInt64) -> Bool { (packed ^ hash) >> 32 == 0 }
  }

  /// Room for many short strings at once.
  struct Page {
    var memory: UnsafeMutableBufferPointer<UInt8>
    /// Bytes of strings that are there.
    var used = 0
  }

  private static let pageSize = 1 << 18

  /// Strings of earlier processes, ascending, without gaps.
  private(set) var layers: [StringLayer] = []
  /// How many strings are in the layers.
  private(set) var layeredCount = 0
  /// The first `ownCount` are in use: those beyond the layers. Grown with the slots, with room for one more than half of them.
  var entries: UnsafeMutableBufferPointer<Entry>
  private(set) var ownCount = 0
  /// How many numbers have been given: how many different strings there are, but for those that have gone.
  package var count: Int { layeredCount + ownCount }
  /// Open addressing: at most half full.
  var slots: UnsafeMutableBufferPointer<Slot>
  /// Nil where one was given back.
  var pages: [Page?] = []
  /// The one that is being filled, and how many bytes of strings are in it.
  private(set) var page = 0
  private var used = 0
  private var free: UnsafeMutablePointer<UInt8>
  private var freeCount = 0
  /// Indices of strings that have gone.
  var freed: [UInt32] = []
  /// How often a number has become that of no string, or of another one.
  var changeCount = 0
  /// Whether what is asked for now stays for good.
  var keepsForGood = false
  /// Which of the entries are known to be in use; nil while nobody wants to know.
  var marks: StringMarks?

  package init() {
    slots = .allocate(capacity: 1 << 10)
    slots.initialize(repeating: .none)
    entries = .allocate(capacity: slots.count / 2 + 1)
    let page = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: Self.pageSize)
    page.initialize(repeating: 0)
    pages = [Page(memory: page)]
    free = page.baseAddress!  // A page is never empty.
    freeCount = Self.pageSize
  }

  deinit {
    slots.deallocate()
    entries.deallocate()
    for page in pages { page?.memory.deallocate() }
  }

  /// Starts with the strings of earlier processes.
  ///
  /// - Precondition: there are no strings yet, and the layers are ascending, from 0 and without gaps.
  func adopt(_ layers: [StringLayer]) {
    precondition(count == 0, "numbers are given once")
    for layer in layers {
      precondition(layer.first == layeredCount, "layers have no gaps")
      layeredCount += layer.count
    }
    self.layers = layers
  }

  /// The memory that it takes, in bytes; not that of earlier processes' layers, which are files.
  ///
  /// - Complexity: O(pages).
  var heldBytes: Int {
    pages.reduce(slots.count * MemoryLayout<Slot>.stride + entries.count * MemoryLayout<Entry>.stride) {
      $0 + ($1?.memory.count ?? 0)
    }
  }

  package func bytes(_ id: UInt64) -> UnsafeBufferPointer<UInt8> {
    let index = Int(id) - layeredCount
    if index < 0 { return layeredBytes(Int(id)) }
    let entry = entries[index]
    return UnsafeBufferPointer(start: entry.bytes, count: entry.count)
  }

  private func layeredBytes(_ number: Int) -> UnsafeBufferPointer<UInt8> {
    var index = 0
    while number >= layers[index].first + layers[index].count { index += 1 }
    return layers[index].bytes(number)
  }

  func layeredNumber(_ bytes: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> UInt64? {
    for layer in layers { if let number = layer.number(of: bytes, hash) { return UInt64(number) } }
    return nil
  }

  /// - Complexity: O(bytes).
  /// - Precondition: fewer than 2³² different strings.
  package func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    intern(bytes, Self.hash(bytes))
  }

  private func intern(_ bytes: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> UInt64 {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while !slots[slot].isNone {
      let index = slots[slot].index
      if slots[slot].mayBe(hash), entries[index].hash == hash, Self.areEqual(entries[index], bytes) {
        marks?.insert(index)
        if keepsForGood { entries[index].stays = true }
        return UInt64(layeredCount + index)
      }
      slot = (slot + 1) & mask
    }
    if layeredCount > 0, let known = layeredNumber(bytes, hash) { return known }
    let index = freed.popLast().map { Int($0) } ?? ownCount
    if index < ownCount { changeCount += 1 }
    let place = copy(bytes)
    (entries.baseAddress! + index).initialize(
      to: Entry(place, count: bytes.count, page: page, hash: hash, stays: keepsForGood))
    marks?.insert(index)
    slots[slot] = Slot(index: index, hash: hash)
    guard index == ownCount else { return UInt64(layeredCount + index) }
    ownCount += 1
    if ownCount * 2 > slots.count { grow() }
    return UInt64(layeredCount + index)
  }

  /// A string whose number is wanted somewhere.
  struct Pending {
    fileprivate var bytes: UnsafeBufferPointer<UInt8>
    fileprivate var hash: UInt64
    /// An index among the entries plus one, or zero.
    fileprivate var entry: UInt32 = 0
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
    for index in pending.indices {
      let hash = pending[index].hash
      var slot = Int(truncatingIfNeeded: hash) & mask
      while !slots[slot].isNone, !slots[slot].mayBe(hash) { slot = (slot + 1) & mask }
      pending[index].entry = slots[slot].isNone ? 0 : UInt32(slots[slot].index + 1)
    }
    for index in pending.indices where pending[index].entry != 0 {
      let entry = entries[Int(pending[index].entry - 1)]
      if entry.hash != pending[index].hash || entry.count != pending[index].bytes.count { pending[index].entry = 0 }
    }
    // Else it is noted of each string that it was asked for.
    let isPlain = marks == nil && !keepsForGood
    for string in pending {
      if isPlain, string.entry != 0, Self.areEqual(entries[Int(string.entry - 1)], string.bytes) {
        words[string.place] = UInt64(layeredCount + Int(string.entry - 1))
      } else {
        words[string.place] = intern(string.bytes, string.hash)
      }
    }
  }

  package func intern(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBufferPointer { intern($0) } }

  /// Puts a string in the page that is being filled.
  func copy(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafePointer<UInt8> {
    if bytes.count > freeCount {
      let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(Self.pageSize, bytes.count))
      memory.initialize(repeating: 0)
      let last = page
      page = pages.firstIndex { $0 == nil } ?? pages.count
      precondition(page < Entry.none, "strings take less than 4 TiB")
      if page == pages.count { pages.append(nil) }
      pages[page] = Page(memory: memory)
      free = memory.baseAddress!  // A page is never empty.
      freeCount = memory.count
      pages[last]?.used = used
      used = 0
      giveBack(last)
    }
    used += bytes.count
    let start = free
    if let base = bytes.baseAddress { start.update(from: base, count: bytes.count) }
    free += bytes.count
    freeCount -= bytes.count
    return UnsafePointer(start)
  }

  /// Notes that a string is no longer where it was.
  func leave(_ entry: Entry) {
    if entry.page == page {
      used -= entry.count
    } else {
      pages[entry.page]?.used -= entry.count
      giveBack(entry.page)
    }
  }

  /// Gives back a page that no string is in.
  private func giveBack(_ index: Int) {
    guard let last = pages[index], last.used == 0 else { return }
    last.memory.deallocate()
    pages[index] = nil
  }

  private func grow() {
    slots.deallocate()
    slots = .allocate(capacity: slots.count * 2)
    slots.initialize(repeating: .none)
    let grown = UnsafeMutableBufferPointer<Entry>.allocate(capacity: slots.count / 2 + 1)
    grown.baseAddress!.moveInitialize(from: entries.baseAddress!, count: ownCount)  // Neither is ever empty.
    entries.deallocate()
    entries = grown
    let mask = slots.count - 1
    for index in 0..<ownCount where !entries[index].isNone {
      var slot = Int(truncatingIfNeeded: entries[index].hash) & mask
      while !slots[slot].isNone { slot = (slot + 1) & mask }
      slots[slot] = Slot(index: index, hash: entries[index].hash)
    }
  }

  /// Of strings with the same hash.
  @inline(__always)
  private static func areEqual(_ entry: Entry, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard entry.count == bytes.count else { return false }
    // The hash says all.
    if bytes.count <= 8 { return true }
    let (x, y) = (UnsafeRawPointer(entry.bytes), UnsafeRawBufferPointer(bytes))
    var index = 0
    while index + 8 <= y.count {
      let word = y.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      if x.loadUnaligned(fromByteOffset: index, as: UInt64.self) != word { return false }
      index += 8
    }
    let last = y.loadUnaligned(fromByteOffset: y.count - 8, as: UInt64.self)
    return x.loadUnaligned(fromByteOffset: y.count - 8, as: UInt64.self) == last
  }

  /// Eight bytes at a time, each multiplied in. Strings of one length up to eight have each a hash of its own, so their bytes need not
  /// be compared. Layers hold it too: another hash is another format of what is kept.
  @inline(__always)
  static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    let raw = UnsafeRawBufferPointer(bytes)
    let length = UInt64(raw.count) &* 0x9E37_79B9_7F4A_7C15
    guard raw.count > 8 else { return scattered(length ^ word(raw)) }
    var hash = length
    var index = 0
    while index + 8 < raw.count {
      hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      index += 8
    }
    return mix(hash ^ raw.loadUnaligned(fromByteOffset: raw.count - 8, as: UInt64.self))
  }

  /// All bytes of a string of up to eight: no other of its length has the same.
  @inline(__always)
  private static func word(_ raw: UnsafeRawBufferPointer) -> UInt64 {
    if raw.count == 8 { return raw.loadUnaligned(as: UInt64.self) }
    if raw.count >= 4 {
      let first = raw.loadUnaligned(as: UInt32.self)
      let last = raw.loadUnaligned(fromByteOffset: raw.count - 4, as: UInt32.self)
      return UInt64(first) << 32 | UInt64(last)
    }
    guard raw.count > 0 else { return 0 }
    return UInt64(raw[0]) << 16 | UInt64(raw[raw.count / 2]) << 8 | UInt64(raw[raw.count - 1])
  }

  /// Another word for each word, all bits of which depend on all bits.
  @inline(__always)
  private static func scattered(_ word: UInt64) -> UInt64 {
    var word = word
    word = (word ^ word >> 32) &* 0xD6E8_FEB8_6659_FD93
    word = (word ^ word >> 32) &* 0xD6E8_FEB8_6659_FD93
    return word ^ (word >> 32)
  }

  @inline(__always)
  private static func mix(_ word: UInt64) -> UInt64 {
    let product = word.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    return product.high ^ product.low ^ word >> 32
  }
}
