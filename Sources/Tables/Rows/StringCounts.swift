import Language

/// Rows of one string each, counted by number as they come: of a hundred million words a dataflow sees each once.
///
/// Takes 8 bytes for each number up to the greatest.
final class StringCounts {
  private var sums: [Int] = []
  /// How many are not 0, at most.
  private(set) var count = 0

  /// Fewer rows at once are not worth it.
  static let leastRows = 1024

  /// - Complexity: O(rows).
  func add(_ numbers: [UInt64], times: Int) {
    let greatest = numbers.max() ?? 0
    if greatest >= UInt64(sums.count) {
      sums += repeatElement(0, count: max(sums.count, Int(greatest) + 1 - sums.count))
    }
    var count = count
    sums.withUnsafeMutableBufferPointer { sums in
      for number in numbers {
        let sum = sums[Int(number)]
        if sum == 0 { count += 1 }
        sums[Int(number)] = sum + times
      }
    }
    self.count = count
  }

  /// Hands them on, ascending by number, and begins anew.
  ///
  /// - Complexity: O(greatest number).
  func take(_ body: (UInt64, Int) -> Void) {
    guard count > 0 else { return }
    count = 0
    let sums = sums
    self.sums = []
    for (number, sum) in sums.enumerated() where sum != 0 { body(UInt64(number), sum) }
  }
}
