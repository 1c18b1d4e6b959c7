import Differential

/// A collection of rows where it belongs: outside all loops, or in the innermost loop whose variable it depends on.
enum PlacedRows {
  case root(Multiset<Words, UInt32, Int>)
  /// - Parameter depth: how many loops it is in.
  case loop(Multiset<Words, LoopTime, Int>, depth: Int)

  var depth: Int {
    switch self {
    case .root: 0
    case .loop(_, let depth): depth
    }
  }
}

/// Rows arranged by a key where they belong. Readers in loops further in look at the same trace.
enum PlacedIndex {
  case root(Arrangement<Words, Words, Int, SameTime<UInt32>>)
  case loop(Arrangement<Words, Words, Int, SameTime<LoopTime>>, depth: Int)

  var depth: Int {
    switch self {
    case .root: 0
    case .loop(_, let depth): depth
    }
  }
}

/// Why there is no dataflow for what was asked: the evaluator from nothing does it.
enum Unsupported: Error {
  /// No dataflow is made for it.
  case form(String)
  /// A file is malformed.
  case malformed
  /// What an earlier process has kept cannot be read.
  case unreadable(String)
  /// What was kept rests on something that is no longer so, and cannot be corrected: it has to be made again.
  case outdated
  /// Rows were forgotten that matter again.
  case missesRows
}
