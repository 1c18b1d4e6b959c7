import Diagnostics
import Language
import Ports

/// Rows in memory, or kept since an earlier process and read when somebody asks for them.
package struct KeptRows {
  package let count: Int
  private(set) var list: RowList?
  /// What they are called where they are kept.
  private(set) var name: UInt64?

  init(_ list: RowList) {
    self.list = list
    count = list.count
  }

  init(named name: UInt64, count: Int) {
    self.name = name
    self.count = count
  }

  /// - Throws: `damaged`, where they are kept and cannot be read.
  /// - Complexity: O(rows) where they are kept.
  func rows(_ kinds: [ColumnKind], from shelf: TraceShelf?) throws(SystemError) -> RowList {
    if let list { return list }
    guard let name, let shelf else { return RowList(kinds) }
    return try shelf.rows(named: name, kinds, count: count)
  }

  /// Keeps them, unless they are already; none are not kept.
  mutating func keep(on shelf: TraceShelf) throws(SystemError) {
    guard name == nil, count > 0, let list else { return }
    name = try shelf.store(RowPacking.pack(list))
  }
}

/// Text of a file in memory, or kept since an earlier process.
struct KeptText {
  let count: Int
  private var bytes: [UInt8]?
  private(set) var name: UInt64?

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    count = bytes.count
  }

  init(named name: UInt64, count: Int) {
    self.name = name
    self.count = count
  }

  func append(to text: inout [UInt8], from shelf: TraceShelf?) throws(SystemError) {
    if let bytes {
      text += bytes
    } else if let name, let shelf {
      let blob = try shelf.blob(name)
      guard blob.bytes.count == count else { throw TraceShelf.damaged }
      text.append(contentsOf: blob.bytes)
      withExtendedLifetime(blob.owner) {}
    }
  }

  mutating func keep(on shelf: TraceShelf) throws(SystemError) {
    guard name == nil, let bytes else { return }
    name = try shelf.store(bytes)
  }
}
