import BuildGraph
import Diagnostics
import Language

/// Forgets strings that no row has any more, some work at a time: of a stream that names new things all day a process keeps the names of
/// those that are still within its windows.
///
/// Nothing counts who uses a string. When there are half as many again as were left the last time, all that is held is looked at, a piece
/// at a time between updates: batches of traces and pieces of outputs never change, so each is looked at once, and of what is made
/// meanwhile only what is new. When all that is there at one moment has been looked at, strings that were not seen are in no row. They go a
/// piece at a time too; one that is asked for before its turn stays. Which words are numbers of strings is not known: a number that
/// is equal to one keeps a string that nobody needs, so there are at most as many strings as words.
///
/// What is made anew when rows go — a string that a row function puts together — may have another number than when they came. Then no row
/// has had the old one: whatever was made of it went by what it says.
final class StringCensus {
  /// What it is at.
  private enum Work {
    case nothing
    /// Looking at what is held.
    case looking
    /// Letting go of strings, from one on.
    case lettingGo(Int)
    /// Giving back memory that is hardly used, from a string on.
    case moving(Int)
  }

  private let strings: StringDictionary
  private var work = Work.nothing
  private var round: UInt32 = 0
  /// How many strings it takes for the next one.
  private var nextCount: Int
  /// What is done at once, beside what grows with the rows that have come: some milliseconds.
  private let bytesAtOnce: Int
  private let stringsAtOnce: Int
  private let least: Int

  /// - Parameters:
  ///   - least: fewer strings than that are not worth it.
  ///   - bytesAtOnce: how much of what is held is looked at after an update.
  init(_ strings: StringDictionary, least: Int = 1 << 16, bytesAtOnce: Int = 8 << 20) {
    self.strings = strings
    self.least = least
    self.bytesAtOnce = bytesAtOnce
    stringsAtOnce = max(1, bytesAtOnce / 128)
    nextCount = least
  }

  /// Goes on, after an update.
  ///
  /// - Parameters:
  ///   - rows: how many have come and gone with it.
  ///   - others: numbers that are held elsewhere, for a moment: shown when all else has been.
  /// - Complexity: O(rows), with a constant share of what is held.
  func goOn(after rows: Int, _ flow: RelationFlow, _ outputs: [SortedOutput], _ others: [RowList]) {
    switch work {
    case .nothing:
      guard strings.liveCount >= nextCount else { return }
      round = round == .max ? 1 : round + 1
      strings.beginNoting()
      work = .looking
    case .looking:
      var budget = bytesAtOnce + 4096 * rows
      guard flow.showHeld(inRound: round, &budget, strings.noteInUse),
        outputs.allSatisfy({ $0.show(inRound: round, &budget, strings.noteInUse) })
      else { return }
      flow.showPending(strings.noteInUse)
      for rows in others { rows.words.withUnsafeBufferPointer(strings.noteInUse) }
      work = .lettingGo(0)
    case .lettingGo(let start):
      let end = min(strings.ownCount, start + stringsAtOnce + 16 * rows)
      strings.letGo(start..<end)
      work = .lettingGo(end)
      guard end == strings.ownCount else { return }
      strings.endNoting()
      nextCount = max(least, strings.liveCount + strings.liveCount / 2)
      work = .moving(0)
    case .moving(let start):
      let end = min(strings.ownCount, start + stringsAtOnce + 16 * rows)
      strings.moveTogether(start..<end)
      work = end == strings.ownCount ? .nothing : .moving(end)
    }
  }
}
