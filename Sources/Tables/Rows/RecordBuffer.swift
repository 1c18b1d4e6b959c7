import Differential

/// Room for the words of one record: filled word by word, and seen as a record, which is valid until the room is filled again.
struct RecordBuffer: ~Copyable {
  let words: UnsafeMutablePointer<UInt64>
  /// At least one, so that there is an address.
  let count: Int

  /// Holds zeros.
  init(_ count: Int) {
    self.count = max(count, 1)
    words = .allocate(capacity: self.count)
    words.initialize(repeating: 0, count: self.count)
  }

  deinit { words.deallocate() }

  subscript(index: Int) -> UInt64 {
    get { words[index] }
    nonmutating set { words[index] = newValue }
  }

  /// What it holds now.
  var record: Words { Words(UnsafePointer(words), count: count) }
}
