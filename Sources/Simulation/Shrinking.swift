/// Finds fewer edits that break a law as well.
package enum Shrinking {
  /// - Returns: the log of a session that needs all its edits to go wrong; empty where nothing goes wrong with this seed.
  package static func session(seed: UInt64, rounds: Int) -> [String] {
    shrink { skipped in
      let session = Session(seed: seed, rounds: rounds, skipping: skipped)
      return (session.run(), session.editCount)
    }
  }

  /// The same of a session under a watch.
  package static func watchedSession(seed: UInt64) -> [String] {
    shrink { skipped in
      let session = WatchedSession(seed: seed, skipping: skipped)
      return (session.run(), session.editCount)
    }
  }

  private static func shrink(_ run: (Set<Int>) -> (problems: [String], edits: Int)) -> [String] {
    var (problems, edits) = run([])
    var skipped: Set<Int> = []
    guard !problems.isEmpty else { return [] }
    // Once more where one was found: what an edit is needed for may be gone with a later one.
    var isDone = false
    while !isDone {
      isDone = true
      for edit in (0..<edits).reversed() where !skipped.contains(edit) {
        let fewer = run(skipped.union([edit]))
        guard !fewer.problems.isEmpty else { continue }
        (problems, skipped, isDone) = (fewer.problems, skipped.union([edit]), false)
      }
      edits = run(skipped).edits
    }
    return problems
  }
}
