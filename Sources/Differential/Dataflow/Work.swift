/// How much a dataflow has done since it was made, in numbers that do not depend on the machine.
public struct Work: Equatable, Sendable {
  /// Nothing.
  public init() {}

  /// Operators visited.
  public var visits = 0
  /// Updates put into traces: input of operators that look things up, and output of reductions within loops.
  public var arrangedUpdates = 0
  /// Keys looked up, once for each batch.
  public var searches = 0
  /// Updates read from traces by joins and reductions.
  public var readUpdates = 0
  /// Updates moved by merges.
  public var movedUpdates = 0

  /// All updates that were touched.
  public var touchedUpdates: Int { arrangedUpdates + readUpdates + movedUpdates }

  /// What was done from one reading to a later one.
  public static func - (a: Work, b: Work) -> Work {
    var result = a
    result.visits -= b.visits
    result.arrangedUpdates -= b.arrangedUpdates
    result.searches -= b.searches
    result.readUpdates -= b.readUpdates
    result.movedUpdates -= b.movedUpdates
    return result
  }
}

extension Dataflow {
  /// What it has done so far. Of a team's workers each has its own.
  ///
  /// - Complexity: O(traces).
  public var work: Work {
    var work = control.work
    work.visits = control.visits
    work.movedUpdates = control.parts.reduce(0) { $0 + $1.moved() }
    return work
  }

  /// How many updates its traces hold: what it costs in memory.
  ///
  /// - Complexity: O(batches).
  public var heldUpdates: Int { control.parts.reduce(0) { $0 + $1.held() } }

  /// The memory that its traces take, with merges under way, in bytes.
  ///
  /// - Complexity: O(batches).
  public var heldBytes: Int { control.parts.reduce(0) { $0 + $1.heldBytes() } }
}
