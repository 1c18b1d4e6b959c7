/// A list that grows at its end and is shared by those who hold an earlier state of it: a copy costs one reference for each chunk,
/// and growing a list that somebody else holds copies its last chunk and no more.
package struct Chunked<Element>: RandomAccessCollection, MutableCollection {
  private static var chunkSize: Int { 256 }

  private var chunks: ContiguousArray<ContiguousArray<Element>> = []
  package private(set) var count = 0

  package init() {}

  package init(_ elements: some Sequence<Element>) {
    for element in elements { append(element) }
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { count }

  package subscript(position: Int) -> Element {
    get { chunks[position / Self.chunkSize][position % Self.chunkSize] }
    _modify { yield &chunks[position / Self.chunkSize][position % Self.chunkSize] }
  }

  package mutating func append(_ element: Element) {
    if count % Self.chunkSize == 0 {
      var chunk = ContiguousArray<Element>()
      // The first chunk grows as it likes: most lists are short.
      if count > 0 { chunk.reserveCapacity(Self.chunkSize) }
      chunks.append(chunk)
    }
    chunks[chunks.count - 1].append(element)
    count += 1
  }
}

extension Array {
  /// Makes room for what is about to be appended where that is as much as there is: growing by doubling leaves up to a half unused. Of
  /// less the list grows as ever, since one that is given just the room again and again is copied each time.
  package mutating func makeRoom(forMore added: Int) {
    if added > 0, added >= count { reserveCapacity(count + added) }
  }
}

extension Chunked: Sendable where Element: Sendable {}
