import Language

/// What differs between the rows of chunks that are gone and of those in their place: most of them are the same.
struct RowDifference {
  private let kinds: [ColumnKind]
  var removed: [RowList] = []
  var added: [RowList] = []

  /// How far apart two rows may be that are found to be the same by going along.
  private static let reach = 12

  init(_ kinds: [ColumnKind]) { self.kinds = kinds }

  /// The rows without those that are on both sides.
  ///
  /// - Complexity: O(rows).
  func remaining() -> (removed: [RowList], added: [RowList]) {
    guard !removed.isEmpty, !added.isEmpty else { return (removed, added) }
    var old = RowList(kinds)
    var new = RowList(kinds)
    for rows in removed { old.words += rows.words }
    for rows in added { new.words += rows.words }
    let (first, second) = alongside(old, new)
    return cancelled(first, second)
  }

  /// Goes along both sides, and leaves out what is the same and not far apart.
  private func alongside(_ old: RowList, _ new: RowList) -> (RowList, RowList) {
    let width = kinds.count
    var result = (old: RowList(kinds), new: RowList(kinds))
    old.words.withUnsafeBufferPointer { a in
      new.words.withUnsafeBufferPointer { b in
        var (i, j) = (0, 0)
        let (m, n) = (old.count, new.count)
        func isSame(_ i: Int, _ j: Int) -> Bool {
          var column = 0
          while column < width {
            if a[i * width + column] != b[j * width + column] { return false }
            column += 1
          }
          return true
        }
        func step() -> (Int, Int) {
          for distance in 1...Self.reach {
            for skipped in 0...distance where i + skipped < m && j + distance - skipped < n {
              if isSame(i + skipped, j + distance - skipped) { return (skipped, distance - skipped) }
            }
          }
          return (1, 1)
        }
        while i < m, j < n {
          if isSame(i, j) {
            i += 1
            j += 1
            continue
          }
          let (x, y) = step()
          result.old.words.append(contentsOf: a[i * width..<(i + x) * width])
          result.new.words.append(contentsOf: b[j * width..<(j + y) * width])
          i += x
          j += y
        }
        result.old.words.append(contentsOf: a[(i * width)...])
        result.new.words.append(contentsOf: b[(j * width)...])
      }
    }
    return result
  }

  /// Leaves out what is the same, wherever it is.
  private func cancelled(_ old: RowList, _ new: RowList) -> ([RowList], [RowList]) {
    guard old.count > 0, new.count > 0 else { return ([old], [new]) }
    let width = kinds.count
    var index = RowIndex(width: width)
    var sums: [Int] = []
    func count(_ rows: RowList, _ times: Int) {
      rows.words.withUnsafeBufferPointer { words in
        guard let base = words.baseAddress else { return }
        for row in 0..<rows.count {
          let (number, isNew) = index.insert(base + row * width)
          if isNew { sums.append(0) }
          sums[number] += times
        }
      }
    }
    count(old, -1)
    count(new, 1)
    var result = (old: RowList(kinds), new: RowList(kinds))
    for (number, sum) in sums.enumerated() {
      for _ in 0..<max(0, -sum) { result.old.append(index.key(number)) }
      for _ in 0..<max(0, sum) { result.new.append(index.key(number)) }
    }
    return ([result.old], [result.new])
  }
}
