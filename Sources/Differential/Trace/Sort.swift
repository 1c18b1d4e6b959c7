/// What the radix sort sorts: rows with leading bits and a total order.
@usableFromInline protocol SortableRow: BitwiseCopyable {
  /// Leading bits in the order of the rows.
  var radix: UInt64 { get }
  /// Whether equal radices mean that the rows need no further order.
  static var radixIsTotal: Bool { get }
  /// Whether the order can be had by radices at one position after another, and whether rows equal in all of them need
  /// no further order.
  static var hasDeepRadix: Bool { get }
  static var deepRadixIsTotal: Bool { get }
  func radix(from position: Int) -> UInt64
  func radixPosition(after position: Int) -> Int?
  /// The whole order.
  static func < (a: Self, b: Self) -> Bool
}

/// A record with what travels with it: nothing, a difference, or a time and a difference.
@usableFromInline struct Row<Data: Record, Extra: RowExtra>: SortableRow {
  @usableFromInline var data: Data
  @usableFromInline var extra: Extra

  @inlinable init(_ data: Data, _ extra: Extra) {
    self.data = data
    self.extra = extra
  }

  @inlinable var radix: UInt64 { data.radix }
  @inlinable static var radixIsTotal: Bool { Data.radixIsTotal && Extra.isUnordered }
  @inlinable static var hasDeepRadix: Bool { Data.hasDeepRadix && !Data.radixIsTotal }
  @inlinable static var deepRadixIsTotal: Bool { Extra.isUnordered }
  @inlinable func radix(from position: Int) -> UInt64 { data.radix(from: position) }
  @inlinable func radixPosition(after position: Int) -> Int? { data.radixPosition(after: position) }
  @inlinable static func < (a: Self, b: Self) -> Bool {
    if Extra.isUnordered { return a.data < b.data }
    return a.data == b.data ? Extra.precedes(a.extra, b.extra) : a.data < b.data
  }
}

@usableFromInline protocol RowExtra: BitwiseCopyable {
  /// Whether rows of equal data need no order among themselves.
  static var isUnordered: Bool { get }
  static func precedes(_ a: Self, _ b: Self) -> Bool
}

/// Nothing travels with the record: all times and differences are alike.
@usableFromInline struct NoExtra: RowExtra {
  @inlinable init() {}
  @inlinable static var isUnordered: Bool { true }
  @inlinable static func precedes(_ a: Self, _ b: Self) -> Bool { false }
}

/// The difference travels with the record: all times are alike.
@usableFromInline struct DifferenceExtra<Diff: Difference>: RowExtra {
  @usableFromInline var difference: Diff
  @inlinable init(_ difference: Diff) { self.difference = difference }
  @inlinable static var isUnordered: Bool { true }
  @inlinable static func precedes(_ a: Self, _ b: Self) -> Bool { false }
}

/// Time and difference travel with the record.
@usableFromInline struct StampExtra<Time: Timestamp, Diff: Difference>: RowExtra {
  @usableFromInline var time: Time
  @usableFromInline var difference: Diff
  @inlinable init(_ time: Time, _ difference: Diff) {
    self.time = time
    self.difference = difference
  }
  @inlinable static var isUnordered: Bool { false }
  @inlinable static func precedes(_ a: Self, _ b: Self) -> Bool { a.time < b.time }
}

/// Below this many rows a comparison sort of a run is cheaper than distributing it.
@usableFromInline let insertionSortLimit = 24

/// Sorts `count` rows at `rows`, using as much room at `scratch`; the result is at `scratch` if `intoScratch`.
///
/// Distributes by the highest bits that differ, at most 2,048 ways so that the write positions stay in the first-level cache
/// and its address table, then goes on within each part. Parts whose leading bits are all the same are sorted by comparison.
///
/// - Complexity: O(n) per 11 bits that differ; O(n log n) comparisons where the radix says nothing.
@inlinable func radixSort<R: SortableRow>(
  _ rows: UnsafeMutablePointer<R>, _ scratch: UnsafeMutablePointer<R>, _ count: Int, intoScratch: Bool
) {
  if count <= insertionSortLimit {
    insertionSort(rows, count)
    if intoScratch { scratch.update(from: rows, count: count) }
    return
  }
  var least = rows[0].radix
  var most = least
  var sorted = true
  var previous = least
  for i in 1..<count {
    let r = rows[i].radix
    if r < previous { sorted = false }
    previous = r
    if r < least { least = r }
    if r > most { most = r }
  }
  if sorted && R.radixIsTotal {
    if intoScratch { scratch.update(from: rows, count: count) }
    return
  }
  if least == most {
    sortEqualRadices(rows, scratch, count, intoScratch: intoScratch, position: 0)
    return
  }
  let width = 64 - (most - least).leadingZeroBitCount
  let wantedBits = 64 - UInt64(count / 4).leadingZeroBitCount
  let bits = min(width, min(11, max(4, wantedBits)))
  let shift = UInt64(width - bits)
  let ways = 1 << bits
  withUnsafeTemporaryAllocation(of: Int.self, capacity: ways + 1) { ends in
    let ends = ends.baseAddress!
    ends.initialize(repeating: 0, count: ways + 1)
    for i in 0..<count { ends[Int((rows[i].radix &- least) >> shift) + 1] += 1 }
    for i in 1...ways { ends[i] += ends[i - 1] }
    // From here ends[b] is the next free place of part b; once all rows are placed it is the part's end.
    for i in 0..<count {
      let part = Int((rows[i].radix &- least) >> shift)
      let place = ends[part]
      ends[part] = place + 1
      scratch[place] = rows[i]
    }
    if shift == 0 && R.radixIsTotal {
      if !intoScratch { rows.update(from: scratch, count: count) }
      return
    }
    var start = 0
    for part in 0..<ways {
      let end = ends[part]
      let size = end - start
      if size > insertionSortLimit {
        radixSort(scratch + start, rows + start, size, intoScratch: !intoScratch)
      } else if size > 0 {
        insertionSort(scratch + start, size)
        if !intoScratch { (rows + start).update(from: scratch + start, count: size) }
      }
      start = end
    }
  }
}

/// Sorts rows that agree in their radices up to a position: by what comes after it, or by comparison where they have no more.
@inlinable @inline(never) func sortEqualRadices<R: SortableRow>(
  _ rows: UnsafeMutablePointer<R>, _ scratch: UnsafeMutablePointer<R>, _ count: Int, intoScratch: Bool, position: Int
) {
  if R.hasDeepRadix {
    if let next = rows[0].radixPosition(after: position) {
      deepSort(rows, scratch, count, intoScratch: intoScratch, position: next)
      return
    }
    if !R.deepRadixIsTotal { comparisonSort(rows, count) }
  } else {
    comparisonSort(rows, count)
  }
  if intoScratch { scratch.update(from: rows, count: count) }
}

/// As ``radixSort``, by the radices from a position on, of rows that agree before it.
@inlinable func deepSort<R: SortableRow>(
  _ rows: UnsafeMutablePointer<R>, _ scratch: UnsafeMutablePointer<R>, _ count: Int, intoScratch: Bool, position: Int
) {
  if count <= insertionSortLimit {
    insertionSort(rows, count)
    if intoScratch { scratch.update(from: rows, count: count) }
    return
  }
  var least = rows[0].radix(from: position)
  var most = least
  for i in 1..<count {
    let r = rows[i].radix(from: position)
    if r < least { least = r }
    if r > most { most = r }
  }
  if least == most {
    sortEqualRadices(rows, scratch, count, intoScratch: intoScratch, position: position)
    return
  }
  let width = 64 - (most - least).leadingZeroBitCount
  let wantedBits = 64 - UInt64(count / 4).leadingZeroBitCount
  let bits = min(width, min(11, max(4, wantedBits)))
  let shift = UInt64(width - bits)
  let ways = 1 << bits
  withUnsafeTemporaryAllocation(of: Int.self, capacity: ways + 1) { ends in
    let ends = ends.baseAddress!
    ends.initialize(repeating: 0, count: ways + 1)
    for i in 0..<count { ends[Int((rows[i].radix(from: position) &- least) >> shift) + 1] += 1 }
    for i in 1...ways { ends[i] += ends[i - 1] }
    for i in 0..<count {
      let part = Int((rows[i].radix(from: position) &- least) >> shift)
      let place = ends[part]
      ends[part] = place + 1
      scratch[place] = rows[i]
    }
    var start = 0
    for part in 0..<ways {
      let end = ends[part]
      if end > start {
        deepSort(scratch + start, rows + start, end - start, intoScratch: !intoScratch, position: position)
      }
      start = end
    }
  }
}

@inlinable func insertionSort<R: SortableRow>(_ rows: UnsafeMutablePointer<R>, _ count: Int) {
  guard count > 1 else { return }
  for i in 1..<count {
    let row = rows[i]
    var j = i
    if R.radixIsTotal {
      let radix = row.radix
      while j > 0 && radix < rows[j - 1].radix {
        rows[j] = rows[j - 1]
        j -= 1
      }
    } else {
      while j > 0 && row < rows[j - 1] {
        rows[j] = rows[j - 1]
        j -= 1
      }
    }
    rows[j] = row
  }
}

/// Sorts rows that their radix does not tell apart, by comparison and without further room.
///
/// The standard sort is in place on a buffer, and its worst case is O(n log n).
@inlinable func comparisonSort<R: SortableRow>(_ rows: UnsafeMutablePointer<R>, _ count: Int) {
  var buffer = UnsafeMutableBufferPointer(start: rows, count: count)
  buffer.sort { $0 < $1 }
}
