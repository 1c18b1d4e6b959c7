import BuildGraph
import Differential
import Language

/// What a dataflow over files that only grow need not keep: rows behind a bound that only moves on, and all but the greatest of
/// numbers of which the greatest is asked for. It is taken out of the arrangement in the step after.
///
/// Should it matter again after all, the dataflow is of no use any more, and who has it makes one that keeps everything.
protocol Forgetting: AnyObject {
  /// Whether something has come back that was forgotten.
  var isMissed: Bool { get }
  /// Has what is to be forgotten go with the next step.
  func advance(to epoch: UInt32)
  /// Begins with what an earlier process has left, which had kept all: what of it does not matter goes too, some at a time.
  ///
  func begin()
  /// What it remembers.
  var words: [UInt64] { get }
}

/// The rows behind a window.
final class WindowMemory: Forgetting {
  typealias Index = Arrangement<Words, Words, Int, SameTime<UInt32>>
  typealias Bounds = Arrangement<Words, Unit, Int, SameTime<UInt32>>

  private let relations: [Window.Relation]
  private let input: Input<Pair<Words, Words>, UInt32, Int>
  /// The bounds as they were last, in the order of words.
  private var line: [UInt64]?
  private var held: (index: Index, bounds: Bounds)?
  /// What an earlier process has left, and the bounds of then.
  private var review: (rows: Review<Words, Words, UInt32, Int>, line: [UInt64])?
  private(set) var isMissed = false

  init(_ relations: [Window.Relation], _ input: Input<Pair<Words, Words>, UInt32, Int>) {
    self.relations = relations
    self.input = input
  }

  /// Whether rows can be left behind by a window of such conditions.
  static func isPossible(_ relations: [Window.Relation]) -> Bool { relations.contains { isLower($0) } }

  private static func isLower(_ relation: Window.Relation) -> Bool {
    switch relation {
    case .greater, .greaterEqual: true
    case .less, .lessEqual: false
    }
  }

  /// Notes a bound that holds from now on.
  func see(_ bound: Words) {
    let words = Array(bound.buffer)
    if let line {
      for (index, relation) in relations.enumerated() where Self.isLower(relation) && words[index] < line[index] {
        isMissed = true
      }
    }
    line = words
  }

  /// - Parameters:
  ///   - index: the rows, by what is compared.
  ///   - bounds: what it is compared with.
  func watch(_ index: Index, _ bounds: Bounds) { held = (index, bounds) }

  /// A row that is not within the window. What lies before it may still come in.
  func forget(_ key: Words, _ value: Words, _ difference: Int) {
    guard let line else { return }
    forget(key, value, difference, behind: line)
  }

  private func forget(_ key: Words, _ value: Words, _ difference: Int, behind line: [UInt64]) {
    for (index, relation) in relations.enumerated() {
      let isBehind =
        switch relation {
        case .greater: key[0] <= line[index]
        case .greaterEqual: key[0] < line[index]
        case .less, .lessEqual: false
        }
      if isBehind { return input.update(Pair(key, value), by: -difference) }
    }
  }

  func begin() {
    guard let held else { return }
    var counts: [[UInt64]: Int] = [:]
    held.bounds.review().goOn(.max) { bound, _, difference in counts[Array(bound.buffer), default: 0] += difference }
    let bounds = counts.filter { $0.value > 0 }.keys
    // Where there is none yet, all that comes is seen.
    guard bounds.count == 1, let bound = bounds.first else { return }
    line = bound
    review = (held.index.review(), bound)
  }

  func advance(to epoch: UInt32) {
    if let review {
      review.rows.goOn(reviewedRows) { forget($0, $1, $2, behind: review.line) }
      if review.rows.isDone { self.review = nil }
    }
    input.advance(to: epoch)
  }

  var words: [UInt64] { line ?? [] }
}

/// So many of the rows that an earlier process has left are looked at in one step.
private let reviewedRows = 1 << 15

/// All but the greatest or least of some numbers.
final class ExtremeMemory: Forgetting {
  private let isMinimum: Bool
  private let input: Input<Words, UInt32, Int>
  /// Where the number stands among the words.
  private let place: Int
  /// The one that counts, and how often it is there.
  private var best: (words: [UInt64], count: Int)?
  private var index: WindowMemory.Index?
  /// What an earlier process has left, and the best of it.
  private var review: (rows: Review<Words, Words, UInt32, Int>, best: [UInt64])?

  init(isMinimum: Bool, place: Int, _ input: Input<Words, UInt32, Int>) {
    self.isMinimum = isMinimum
    self.place = place
    self.input = input
  }

  /// What was forgotten may be the best now. Asked between steps: within one, things go before others come.
  var isMissed: Bool { best.map { $0.count <= 0 } ?? false }

  /// - Parameter index: the numbers, where they are kept.
  func watch(_ index: WindowMemory.Index) { self.index = index }

  /// Notes that a number has come or gone.
  func see(_ words: Words, _ difference: Int) {
    guard let known = best else {
      best = (Array(words.buffer), difference)
      return
    }
    let (new, old) = (words[place], known.words[place])
    if new == old {
      best = (known.words, known.count + difference)
    } else if isMinimum ? new < old : new > old {
      known.words.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress, known.count != 0 else { return }
        input.update(Words(base, count: buffer.count), by: -known.count)
      }
      best = (Array(words.buffer), difference)
    } else {
      input.update(words, by: -difference)
    }
  }

  /// - Complexity: O(rows): it takes the best to know which are not.
  func begin() {
    guard let index else { return }
    var found: (words: [UInt64], count: Int)?
    index.review().goOn(.max) { key, value, difference in
      // The number is all that there is of the value.
      let (new, old) = (value[0], found?.words[place])
      if new == old {
        found?.count += difference
      } else if old.map({ isMinimum ? new < $0 : new > $0 }) ?? true {
        found = (Array(key.buffer) + Array(value.buffer), difference)
      }
    }
    guard let found, found.count > 0 else { return }
    best = found
    review = (index.review(), found.words)
  }

  func advance(to epoch: UInt32) {
    if let review {
      review.rows.goOn(reviewedRows) { key, value, difference in
        guard value[0] != review.best[place] else { return }
        let words = Array(key.buffer) + Array(value.buffer)
        words.withUnsafeBufferPointer { buffer in
          if let base = buffer.baseAddress { input.update(Words(base, count: buffer.count), by: -difference) }
        }
      }
      if review.rows.isDone { self.review = nil }
    }
    input.advance(to: epoch)
  }

  var words: [UInt64] { best?.words ?? [] }
}

extension FlowCompiler {
  /// Numbers without those that others are better than.
  func forgetting(
    _ rows: Multiset<Words, UInt32, Int>, isMinimum: Bool, place: Int
  ) -> (rows: Multiset<Words, UInt32, Int>, memory: ExtremeMemory) {
    let (input, taken) = flow.input(Words.self)
    let memory = ExtremeMemory(isMinimum: isMinimum, place: place, input)
    forgetting.append(memory)
    return (rows.inspect { memory.see($0.data, $0.difference) }.concat(taken), memory)
  }
}

extension Relation {
  /// Whether all that it is made of are files that only grow, as the program promises, and what it says itself.
  var onlyGrows: Bool {
    let tables = fileTables
    return !tables.isEmpty && tables.allSatisfy { $0.appends && $0.parts.allSatisfy { $0.kind == .file } }
  }
}

extension Generator {
  /// Whether all that its rows are made of only grows.
  var onlyGrows: Bool {
    switch source {
    case .table(let relation): relation.onlyGrows
    case .groups(let grouping): grouping.input.onlyGrows
    case .list: true
    }
  }
}
