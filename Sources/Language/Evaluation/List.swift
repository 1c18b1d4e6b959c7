/// A list: a view of a storage that may grow at both ends.
///
/// Appending to a list that ends where its storage ends extends the storage in place, and earlier lists go on to see their own
/// part; so a fold that appends (or prepends) element by element is linear in all, however many hold the older lists.
/// The second of two that append to the same list copies.
///
/// - Complexity: element O(1); slice O(1); `a + b` amortised O(length of the shorter) where the longer one can be
///   extended, else O(length of both).
package final class List {
  fileprivate final class Storage {
    /// Elements at positions 0, 1, …
    var back: ContiguousArray<Value>
    /// Elements at positions -1, -2, …
    var front: ContiguousArray<Value> = []

    /// Whether it never changes again, so that several threads may read it.
    let isFrozen: Bool

    init(_ elements: ContiguousArray<Value>, isFrozen: Bool) {
      back = elements
      self.isFrozen = isFrozen
    }
  }

  private let storage: Storage
  private let start: Int
  package let count: Int

  package init(_ elements: ContiguousArray<Value>) {
    storage = Storage(elements, isFrozen: false)
    start = 0
    count = elements.count
  }

  /// A list whose storage is not shared with longer ones: it may be read by several threads.
  init(frozen elements: ContiguousArray<Value>) {
    storage = Storage(elements, isFrozen: true)
    start = 0
    count = elements.count
  }

  private init(_ storage: Storage, start: Int, count: Int) {
    self.storage = storage
    self.start = start
    self.count = count
  }

  /// - Precondition: `0 <= index < count`.
  package subscript(_ index: Int) -> Value {
    let position = start + index
    return position >= 0 ? storage.back[position] : storage.front[-1 - position]
  }

  /// - Precondition: `0 <= lower <= upper <= count`.
  func slice(_ lower: Int, _ upper: Int) -> List {
    List(storage, start: start + lower, count: upper - lower)
  }

  func appending(_ other: List) -> List {
    if other.count == 0 { return self }
    if count == 0 { return other }
    if other.count <= count, start + count == storage.back.count, !storage.isFrozen {
      storage.back.append(contentsOf: other.elements)
      return List(storage, start: start, count: count + other.count)
    }
    if count <= other.count, other.start == -other.storage.front.count, !other.storage.isFrozen {
      other.storage.front.append(contentsOf: elements.reversed())
      return List(other.storage, start: other.start - count, count: count + other.count)
    }
    var joined = ContiguousArray<Value>()
    joined.reserveCapacity(2 * (count + other.count))
    joined.append(contentsOf: elements)
    joined.append(contentsOf: other.elements)
    return List(joined)
  }

  /// - Complexity: O(1) for a list that is the whole of its storage, else O(count).
  package var elements: ContiguousArray<Value> {
    if start == 0, count == storage.back.count { return storage.back }
    if start >= 0 { return ContiguousArray(storage.back[start..<start + count]) }
    var result = ContiguousArray<Value>()
    result.reserveCapacity(count)
    for index in 0..<count { result.append(self[index]) }
    return result
  }
}
