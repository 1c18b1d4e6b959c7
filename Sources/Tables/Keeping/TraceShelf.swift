import Diagnostics
package import Differential
import Language
package import Ports

/// What one relation keeps, blob by blob: rows, texts, strings, and the batches of its dataflow.
package final class TraceShelf {
  let store: any TraceStore

  package init(_ store: any TraceStore) { self.store = store }

  static let damaged = SystemError(.damaged, "what it holds does not fit together")

  func blob(_ name: UInt64) throws(SystemError) -> TraceBlob { try store.blob(name) }

  func rows(named name: UInt64, _ kinds: [ColumnKind], count: Int) throws(SystemError) -> RowList {
    let blob = try store.blob(name)
    defer { withExtendedLifetime(blob.owner) {} }
    guard let rows = RowPacking.unpack(blob.bytes, kinds), rows.count == count else { throw Self.damaged }
    return rows
  }

  func store(_ bytes: [UInt8]) throws(SystemError) -> UInt64 {
    try store.store(byteCount: bytes.count) { show in bytes.withUnsafeBytes { show($0) } }
  }
}

extension TraceShelf: BatchSink, BatchSource {
  package func store(_ image: BatchImage) throws -> UInt64 {
    try store.store(byteCount: image.byteCount) { show in image.forEachPiece { show($0) } }
  }

  package func batch(named name: UInt64) throws -> (bytes: UnsafeRawBufferPointer, owner: AnyObject) {
    let blob = try store.blob(name)
    return (blob.bytes, blob.owner)
  }
}
