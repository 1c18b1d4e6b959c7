import BuildGraph
import Differential
import Language

/// Puts the round in which a row of a loop's seed is to enter before its words.
final class PriorityStage: Stage {
  private let priority: BindingFunction
  private let width: Int
  private let location: ProgramLocation?
  private let errors: ErrorTable
  private let scratch: RecordBuffer
  /// Rounds are counted in 32 bits.
  private static let roundLimit: Int64 = 1 << 31

  init(_ priority: BindingFunction, _ width: Int, _ location: ProgramLocation?, _ errors: ErrorTable) {
    self.priority = priority
    self.width = width
    self.location = location
    self.errors = errors
    scratch = RecordBuffer(width + 1)
  }

  func process<T: Timestamp>(_ row: Words, _ out: inout Expansion<Words, Words, T, Int>) {
    switch priority.apply(row) {
    case .success(let word):
      guard (0..<Self.roundLimit).contains(Int64(bitPattern: word[0])) else {
        // Whoever evaluates from nothing knows whether it is too small, or how to go on.
        return out.appendAside(
          errors.record(of: RowError("language.negative-priority", "a priority is negative", at: location)))
      }
      scratch[0] = word[0]
      for index in 0..<width { scratch[index + 1] = row[index] }
      out.append(scratch.record)
    case .failure(let error): out.appendAside(errors.record(of: error))
    }
  }
}

/// Puts the rounds of a complaint behind its number, so that one that is taken back in a later round is not forgotten.
final class RoundMark {
  private let scratch: RecordBuffer
  private static let width = 1 + LoopTime.depthLimit

  init() {
    scratch = RecordBuffer(Self.width)
  }

  func callAsFunction(_ complaint: Words, _ time: LoopTime) -> Words {
    scratch[0] = complaint[0]
    for loop in 0..<LoopTime.depthLimit { scratch[loop + 1] = UInt64(time.round(of: loop)) }
    return scratch.record
  }
}

/// Watches a loop's variable for loops that do not end: too many rounds that change something, or a state that comes back.
final class LoopGuard {
  /// Only then do states of different rounds follow from each other alone.
  private let isOutermost: Bool
  private let roundLimit: Int
  private let kinds: [ColumnKind]
  private let strings: any RowStrings
  /// By round: what the differences of the round add to the state's fingerprint.
  private var rounds: [UInt32: Fingerprint] = [:]
  /// When to look for a state that comes back: at every doubling.
  private var nextLook = 64
  private(set) var isEndless = false

  private struct Fingerprint: Hashable {
    var first: UInt64 = 0
    var second: UInt64 = 0
  }

  init(isOutermost: Bool, roundLimit: Int, _ kinds: [ColumnKind], _ strings: any RowStrings) {
    self.isOutermost = isOutermost
    self.roundLimit = roundLimit
    self.kinds = kinds
    self.strings = strings
  }

  /// What a later process has to know: three words for each round that has changed something, ascending by round.
  var words: [UInt64] {
    var words: [UInt64] = []
    for (round, sum) in rounds.sorted(by: { $0.key < $1.key }) where sum != Fingerprint() {
      words += [UInt64(round), sum.first, sum.second]
    }
    return words
  }

  /// Takes up what an earlier process has left.
  ///
  /// - Returns: whether the words are of that form.
  func adopt(_ words: [UInt64]) -> Bool {
    guard words.count % 3 == 0 else { return false }
    for start in stride(from: 0, to: words.count, by: 3) {
      guard let round = UInt32(exactly: words[start]) else { return false }
      rounds[round] = Fingerprint(first: words[start + 1], second: words[start + 2])
    }
    while nextLook <= rounds.count { nextLook *= 2 }
    return true
  }

  func see(_ row: Words, round: UInt32, _ difference: Int) {
    var hash = finalize(content(of: row, 0) &+ 0x9E37_79B9_7F4A_7C15)
    for index in 1..<max(row.count, 1) { hash = finalize(hash &* 0xA076_1D64_78BD_642F &+ content(of: row, index)) }
    let times = UInt64(bitPattern: Int64(difference))
    rounds[round, default: Fingerprint()].first &+= hash &* times
    rounds[round, default: Fingerprint()].second &+= finalize(hash ^ 0xE703_7ED1_A0B4_28DB) &* times
    if rounds.count > nextLook {
      nextLook *= 2
      look()
    }
  }

  /// What a word says. A string's number may be another one when the row goes again.
  private func content(of row: Words, _ index: Int) -> UInt64 {
    guard index < kinds.count, kinds[index] == .string || kinds[index] == .rows else { return row[index] }
    return StringDictionary.hash(strings.bytes(row[index]))
  }

  private func look() {
    // A round whose differences cancel has changed nothing.
    let changing = rounds.filter { $0.value != Fingerprint() }
    if changing.count > roundLimit { isEndless = true }
    guard isOutermost else { return }
    var state = Fingerprint()
    var seen: Set<Fingerprint> = []
    for round in changing.keys.sorted() {
      state.first &+= changing[round]!.first
      state.second &+= changing[round]!.second
      if !seen.insert(state).inserted { isEndless = true }
    }
  }
}
