/// Some words in one value.
@usableFromInline protocol ShortWords: BitwiseCopyable, Comparable {
  static var count: Int { get }
  subscript(index: Int) -> UInt64 { get }
}

@usableFromInline struct TwoWords: ShortWords {
  @usableFromInline var first: UInt64
  @usableFromInline var second: UInt64

  @inlinable static var count: Int { 2 }
  @inlinable subscript(index: Int) -> UInt64 { index == 0 ? first : second }
  @inlinable static func == (a: Self, b: Self) -> Bool { a.first == b.first && a.second == b.second }
  @inlinable static func < (a: Self, b: Self) -> Bool {
    a.first == b.first ? a.second < b.second : a.first < b.first
  }
}

@usableFromInline struct FourWords: ShortWords {
  @usableFromInline var front: TwoWords
  @usableFromInline var back: TwoWords

  @inlinable static var count: Int { 4 }
  @inlinable subscript(index: Int) -> UInt64 { index < 2 ? front[index] : back[index &- 2] }
  @inlinable static func == (a: Self, b: Self) -> Bool { a.front == b.front && a.back == b.back }
  @inlinable static func < (a: Self, b: Self) -> Bool { a.front == b.front ? a.back < b.back : a.front < b.front }
}

/// Key and value as their words, one behind the other, with what travels with them. Words that are left over are 0.
///
/// A view would take more room than the words themselves, and where they are is a look elsewhere for each comparison.
@usableFromInline struct WordRow<W: ShortWords, Extra: RowExtra>: SortableRow {
  @usableFromInline var words: W
  @usableFromInline var extra: Extra

  @inlinable var radix: UInt64 { words[0] }
  @inlinable static var radixIsTotal: Bool { false }
  @inlinable static var hasDeepRadix: Bool { true }
  @inlinable static var deepRadixIsTotal: Bool { Extra.isUnordered }
  @inlinable func radix(from position: Int) -> UInt64 { words[position] }
  @inlinable func radixPosition(after position: Int) -> Int? { position + 1 < W.count ? position + 1 : nil }
  @inlinable static func < (a: Self, b: Self) -> Bool {
    if Extra.isUnordered { return a.words < b.words }
    return a.words == b.words ? Extra.precedes(a.extra, b.extra) : a.words < b.words
  }
}

/// How many words a key and a value of a list are, if they are words.
@inlinable func wordCounts<K: Record, V: Record, T: Timestamp, R: Difference>(
  _ list: UpdateList<Pair<K, V>, T, R>
) -> (key: Int, value: Int)? {
  guard K.isOfWords, V.isOfWords, list.count > insertionSortLimit, let run = list.runs.first(where: { $0.count > 0 })
  else { return nil }
  let record = run.records[0]
  return (record.first.wordCount, record.second.wordCount)
}

/// As `makeBatch`, of rows that are few words: they are sorted where they are. Frees the runs on the way.
@inlinable
func makeWordBatch<
  W: ShortWords, K: Record, V: Record, T: Timestamp, R: Difference, E: RowExtra
>(
  _ list: UpdateList<Pair<K, V>, T, R>, _ widths: (key: Int, value: Int), _: W.Type,
  _ extra: (Updates<Pair<K, V>, T, R>, Int) -> E, _ time: (E) -> T, _ difference: (E) -> R
) -> Batch<K, V, T, R>? {
  let count = list.count
  var rows = UnsafeMutablePointer<WordRow<W, E>>.allocate(capacity: count)
  var filled = 0
  for run in list.runs {
    for i in 0..<run.count {
      let record = run.records[i]
      let words = wordsOf(rows + filled)
      record.first.copyWords(to: words)
      record.second.copyWords(to: words + widths.key)
      var rest = widths.key &+ widths.value
      while rest < W.count {
        words[rest] = 0
        rest &+= 1
      }
      rows[filled].extra = extra(run, i)
      filled &+= 1
    }
    run.deallocate()
  }
  let scratch = UnsafeMutablePointer<WordRow<W, E>>.allocate(capacity: count)
  radixSort(rows, scratch, count, intoScratch: true)
  rows.deallocate()
  rows = scratch
  // What is equal lies side by side.
  var keys = 0
  for i in 0..<count where i == 0 || !isSame(rows + i, rows + (i &- 1), widths.key) { keys &+= 1 }
  var builder = BatchBuilder<K, V, T, R>(keyCapacity: keys, rowCapacity: count)
  var i = 0
  while i < count {
    let first = rows + i
    let start = builder.rowCount
    repeat {
      let row = rows + i
      let at = time(row.pointee.extra)
      var sum = difference(row.pointee.extra)
      i &+= 1
      while i < count, rows[i].words == row.pointee.words, time(rows[i].extra) == at {
        sum += difference(rows[i].extra)
        i &+= 1
      }
      if sum != .zero, let value = V.record(of: wordsOf(row) + widths.key, count: widths.value) {
        builder.append(value, at, sum)
      }
    } while i < count && isSame(rows + i, first, widths.key)
    if let key = K.record(of: wordsOf(first), count: widths.key) { builder.close(key, from: start) }
  }
  let batch = builder.finish()
  rows.deallocate()
  return batch
}

@inlinable @inline(__always) func wordsOf<W, E>(
  _ row: UnsafeMutablePointer<WordRow<W, E>>
) -> UnsafeMutablePointer<UInt64> {
  // The words come first in a row.
  UnsafeMutableRawPointer(row).assumingMemoryBound(to: UInt64.self)
}

@inlinable @inline(__always) func isSame<W, E>(
  _ a: UnsafeMutablePointer<WordRow<W, E>>, _ b: UnsafeMutablePointer<WordRow<W, E>>, _ width: Int
) -> Bool {
  var index = 0
  while index < width {
    if a.pointee.words[index] != b.pointee.words[index] { return false }
    index &+= 1
  }
  return true
}
