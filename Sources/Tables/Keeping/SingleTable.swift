package import BuildGraph
import Diagnostics
package import Language
import Ports

/// A relation that a process is asked for once, or several that are kept together, each of which it is asked for once: from what an
/// earlier one has left where there is something, else from nothing.
///
/// For one thread at a time.
package final class SingleTable {
  /// How the table came about.
  package enum Way: Hashable, Sendable {
    /// Evaluated, and nothing is left for a later process.
    case evaluated
    /// Made from nothing, so that a later process can go on from it. With why what an earlier one had left was of no use, if there
    /// was something.
    case begun(String?)
    /// Went on from what an earlier process had left.
    case resumed
    /// Made together with another that was asked for before.
    case together
  }

  package private(set) var way = Way.evaluated
  package private(set) var work = ResidentTables.Work()
  /// Malformed records that are left out.
  package private(set) var dropped = 0
  /// The memory that was taken for it beside its files, in bytes: strings and rows. Of a dataflow rows are counted as what was parsed for them.
  package private(set) var heldBytes = 0
  /// What went through its plan, for people.
  package private(set) var plan: String?
  package let relations: [Relation]
  private let roundLimit: Int
  private let chunking: Chunking
  private let shelf: TraceShelf?
  private var kept: KeptRelation?
  /// Whether the dataflow came to nothing: each relation has to be kept by itself.
  package private(set) var isUnsound = false

  /// Relations over files of fewer bytes are not kept: to evaluate them takes some ten milliseconds.
  package static let leastBytes = 1 << 20

  /// - Parameter shelf: where it is kept; nil to evaluate it from nothing and leave nothing.
  package convenience init(
    _ relation: Relation, on shelf: TraceShelf?, roundLimit: Int = 1_000_000, chunking: Chunking = .standard
  ) {
    self.init([relation], on: shelf, roundLimit: roundLimit, chunking: chunking)
  }

  /// - Parameter relations: as ``Language/Relation/together(with:_:)`` has them.
  package init(
    _ relations: [Relation], on shelf: TraceShelf?, roundLimit: Int = 1_000_000, chunking: Chunking = .standard
  ) {
    self.chunking = chunking
    self.relations = relations
    self.shelf = shelf
    self.roundLimit = roundLimit
  }

  /// Whether relations can be kept together.
  package static func canKeep(_ relations: [Relation]) -> Bool {
    (try? KeptRelation(relations, roundLimit: 1)) != nil
  }

  /// The table as a step leaves it; nil if it was told to stop.
  ///
  /// - Parameters:
  ///   - current: one of the relations; nil if there is but one.
  ///   - files: of each input.
  /// - Complexity: where an earlier process has left something, hashing the files, and in proportion to what changed.
  package func output(
    _ form: TableStep.Form, of current: Relation? = nil, _ files: [Relation.Input: [InputFile]],
    while mayContinue: @escaping () -> Bool
  ) throws(TableFailure) -> TableWriter.Output? {
    let relation = current ?? relations[0]
    if let kept {
      way = .together
      switch attempt(kept, relation, form, files, mayContinue) {
      case .output(let output): return output
      case .stopped: return nil
      case .refused, .undecided: return try evaluated(relation, form, files)
      }
    }
    if let shelf {
      var reason = shelf.store.refusal
      var left: KeptRelation?
      if shelf.store.root != nil {
        do {
          left = try KeptRelation.resumed(relations, roundLimit: roundLimit, chunking: chunking, from: shelf)
        } catch {
          reason = Self.reason(error)
        }
      }
      if let left {
        way = .resumed
        switch attempt(left, relation, form, files, mayContinue) {
        case .output(let output): return output
        case .stopped: return nil
        case .refused(let why): reason = why
        case .undecided: return try evaluated(relation, form, files)
        }
      }
      way = .begun(reason)
      if let fresh = try? KeptRelation(relations, roundLimit: roundLimit, chunking: chunking, leaves: shelf) {
        switch attempt(fresh, relation, form, files, mayContinue) {
        case .output(let output): return output
        case .stopped: return nil
        case .refused, .undecided: shelf.store.abandon()
        }
      }
    }
    return try evaluated(relation, form, files)
  }

  private enum Attempt {
    case output(TableWriter.Output)
    case stopped
    case undecided
    case refused(String)
  }

  private func attempt(
    _ table: KeptRelation, _ relation: Relation, _ form: TableStep.Form, _ files: [Relation.Input: [InputFile]],
    _ mayContinue: @escaping () -> Bool
  ) -> Attempt {
    let before = table.work
    kept = nil
    defer {
      work = table.work - before
      heldBytes = table.strings.heldBytes + work.parsedBytes
    }
    do throws(Unsupported) {
      switch try table.update(relation, form, files, while: mayContinue) {
      case .output(let output):
        kept = table
        dropped = table.dropped
        plan = table.takePlan(of: relation)
        return .output(output)
      case .stopped: return .stopped
      case .undecided:
        isUnsound = !table.flow.isSound
        return .undecided
      }
    } catch {
      switch error {
      case .unreadable(let reason): return .refused(reason)
      case .outdated: return .refused("a file that was promised to grow only is another one")
      case .missesRows: return .refused("it has forgotten rows that matter again")
      // Whoever evaluates from nothing says what is wrong.
      case .form, .malformed: return .undecided
      }
    }
  }

  private func evaluated(
    _ relation: Relation, _ form: TableStep.Form, _ files: [Relation.Input: [InputFile]]
  ) throws(TableFailure) -> TableWriter.Output {
    way = .evaluated
    work.evaluations += 1
    let evaluation = Evaluation(roundLimit: roundLimit) { files[$0] ?? [] }
    defer {
      (dropped, heldBytes) = (evaluation.dropped, evaluation.heldBytes)
      plan = evaluation.counts.text(of: relation)
    }
    return try evaluation.output(of: relation, form)
  }

  /// Leaves what a later process goes on from.
  ///
  /// - Returns: Why nothing could be left; nil if it was, or there was nothing to leave.
  /// - Complexity: in proportion to what changed, times a logarithm on average.
  package func keep() -> String? {
    guard let kept, let shelf, !kept.keeping.hasFailed else { return nil }
    do {
      try kept.keep(on: shelf, stays: false)
      return nil
    } catch {
      kept.giveUpKeeping(on: shelf)
      // What was left before rests on something that cannot be read: the next process begins anew.
      if let error = error as? SystemError, error.code == .damaged { try? shelf.store.removeAll() }
      return Self.reason(error)
    }
  }

  /// What there is to say of how the table was made, for who wants to know.
  ///
  /// - Parameter refusal: why nothing was left for a later process.
  package func notes(_ refusal: String?) -> [String] {
    guard let shelf else { return [] }
    var notes: [String] = []
    let store = shelf.store
    switch way {
    case .resumed:
      notes.append(
        "went on from the last build; parsed \(work.parsedBytes) bytes, \(work.changedRows) rows changed, "
          + "\(work.touchedRecords) records touched; read \(store.bytesRead) and wrote \(store.bytesWritten) bytes of traces"
      )
    case .begun(let reason):
      if let reason { notes.append("what the last build left is of no use: \(reason)") }
      notes.append("made from nothing; wrote \(store.bytesWritten) bytes of traces for the next build")
    case .together: notes.append("made together with another table; \(work.touchedRecords) records touched")
    case .evaluated: notes.append("evaluated from nothing")
    }
    if let refusal { notes.append("nothing is left for the next build: \(refusal)") }
    return notes
  }

  private static func reason(_ error: any Error) -> String {
    if let error = error as? SystemError { return error.message }
    return "it is not of this program"
  }
}
