/// The name that was probably meant, among those that are known.
package enum Suggestion {
  /// The nearest candidate by edits (insertions, deletions, substitutions, swaps of neighbours); ties go to the one that
  /// sorts first. A third of the letters may be wrong, at least one; names that differ in case only are near.
  ///
  /// - Complexity: O(candidates × length²), less where lengths differ much.
  package static func nearest(to name: String, among candidates: some Sequence<String>) -> String? {
    let wanted = Array(name.unicodeScalars)
    guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
    let lowercased = name.lowercased()
    let allowed = max(1, wanted.count / 3)
    var best: (distance: Int, name: String)?
    for candidate in candidates where candidate != name {
      // A letter has at most four bytes. Most names go here, at no cost.
      guard abs(candidate.utf8.count - name.utf8.count) <= 4 * allowed else { continue }
      let scalars = Array(candidate.unicodeScalars)
      var distance: Int
      guard abs(scalars.count - wanted.count) <= allowed else { continue }
      if scalars.count == wanted.count, candidate.lowercased() == lowercased {
        distance = 0
      } else {
        guard scalars.count > 1 else { continue }
        distance = edits(wanted, scalars)
        // A name of one letter has nothing in common with another one.
        if distance > allowed || distance >= wanted.count { continue }
      }
      if let found = best, (found.distance, found.name) <= (distance, candidate) { continue }
      best = (distance, candidate)
    }
    return best?.name
  }

  package static func edits(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 1...a.count {
      var current = [Int](repeating: i, count: b.count + 1)
      for j in 1...b.count {
        var cost = min(last[j] + 1, current[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { cost = min(cost, beforeLast[j - 2] + 1) }
        current[j] = cost
      }
      beforeLast = last
      last = current
    }
    return last[b.count]
  }
}
