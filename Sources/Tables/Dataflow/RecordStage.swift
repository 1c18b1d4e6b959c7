import Differential
import Language

/// What a comprehension makes of each record of a file, done while the record is read: conditions, the words of texts, and a head. Its strings
/// are looked at where they lie, and only those that come out have numbers.
///
/// What comes out is what is kept of the file. So lists of any other sort are not made here: one may be longer than the record by far.
final class RecordStage {
  /// Of what comes out.
  let kinds: [ColumnKind]
  let strings: PassingStrings
  private let levels: [Level]
  private let product: Product
  /// The columns of the record, and of an element of each list.
  private let binding: RecordBuffer
  /// Rows that the last record has come to, word after word.
  private(set) var made: UnsafeMutablePointer<UInt64>
  private(set) var madeCount = 0
  private var capacity = 256
  private let tally: NodeTally

  enum Product {
    case project([Int])
    case function(BindingFunction)
  }

  /// A generator with the conditions behind it.
  struct Level {
    var conditions: [BindingFunction]
    /// Where its words begin in the binding.
    var start: Int
    /// Nil of the record itself.
    var list: BindingFunction?
  }

  /// - Parameters:
  ///   - kinds: one at least: a row without words is one that is always 0.
  ///   - width: of a record and an element of each list together.
  ///   - tally: where records are counted.
  init(
    _ levels: [Level], _ product: Product, _ kinds: [ColumnKind], width: Int, _ strings: PassingStrings,
    _ tally: NodeTally
  ) {
    self.levels = levels
    self.product = product
    self.kinds = kinds
    self.strings = strings
    self.tally = tally
    binding = RecordBuffer(width)
    made = .allocate(capacity: capacity)
  }

  deinit { made.deallocate() }

  /// Where the words of a record go.
  var record: UnsafeMutablePointer<UInt64> { binding.words }

  /// Makes the rows of a record.
  ///
  /// - Returns: false if an expression has no value for it. Then it does not matter what comes out.
  func process() -> Bool {
    madeCount = 0
    tally.see(1, sum: 0)
    return goOn(at: 0)
  }

  private func goOn(at level: Int) -> Bool {
    for condition in levels[level].conditions {
      switch condition.apply(binding.record) {
      case .success(let word): if word[0] == 0 { return true }
      case .failure: return false
      }
    }
    guard level + 1 < levels.count else { return finish() }
    let start = levels[level + 1].start
    guard let list = levels[level + 1].list else { preconditionFailure("only the first is the record") }
    var isWhole = true
    let error = list.expand(binding.record) { element in
      for index in 0..<list.outputCount { binding[start + index] = element[index] }
      if !goOn(at: level + 1) { isWhole = false }
    }
    return isWhole && error == nil
  }

  private func finish() -> Bool {
    if madeCount + kinds.count > capacity { grow() }
    let out = made + madeCount
    out[0] = 0
    switch product {
    case .project(let positions):
      for (index, position) in positions.enumerated() { out[index] = binding[position] }
    case .function(let function):
      switch function.apply(binding.record) {
      case .success(let words): out.update(from: words, count: function.outputCount)
      case .failure: return false
      }
    }
    madeCount += kinds.count
    return true
  }

  private func grow() {
    let grown = UnsafeMutablePointer<UInt64>.allocate(capacity: 2 * capacity + kinds.count)
    grown.update(from: made, count: madeCount)
    made.deallocate()
    made = grown
    capacity = 2 * capacity + kinds.count
  }
}
