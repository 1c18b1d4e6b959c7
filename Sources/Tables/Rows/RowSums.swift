import Language

/// Rows with sums of differences, each once.
struct RowSums {
  private var index: RowIndex?
  private var sums: [Int] = []
  /// How many sums are 0.
  private var nothings = 0

  /// Whether no row has a sum.
  var isEmpty: Bool { nothings == sums.count }
  var count: Int { sums.count - nothings }

  /// - Complexity: O(words) expected; rows that come and go take room for a while.
  mutating func add(_ row: UnsafeBufferPointer<UInt64>, by difference: Int) {
    guard difference != 0, let base = row.baseAddress else { return }
    if nothings > 1024, 2 * nothings > sums.count { leaveOutNothings() }
    var index = self.index ?? RowIndex(width: row.count)
    self.index = nil
    let (number, isNew) = index.insert(base)
    self.index = index
    if isNew {
      sums.append(difference)
    } else {
      if sums[number] == 0 { nothings -= 1 }
      sums[number] += difference
      if sums[number] == 0 { nothings += 1 }
    }
  }

  /// In the order in which they came.
  func forEach(_ body: (UnsafeBufferPointer<UInt64>, Int) -> Void) {
    guard let index else { return }
    for (number, sum) in sums.enumerated() where sum != 0 {
      index.key(number).withUnsafeBufferPointer { body($0, sum) }
    }
  }

  private mutating func leaveOutNothings() {
    var rest = RowSums()
    forEach { rest.add($0, by: $1) }
    self = rest
  }
}
