import BuildGraph
import CSQLite
import Diagnostics

/// A prepared statement of a ``Database``. Parameters count from 1, columns from 0, as in SQLite.
final class Statement {
  private let handle: OpaquePointer
  private unowned let database: Database

  init(handle: OpaquePointer, database: Database) {
    self.handle = handle
    self.database = database
  }

  func finalize() { sqlite3_finalize(handle) }

  /// Makes the statement ready to run again; parameters keep their values.
  func reset() { sqlite3_reset(handle) }

  // SQLite copies what is bound: the address is good only during the call.
  private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

  func bind(_ value: Int64, at index: Int32) { sqlite3_bind_int64(handle, index, value) }
  func bind(_ value: Double, at index: Int32) { sqlite3_bind_double(handle, index, value) }
  func bindNull(at index: Int32) { sqlite3_bind_null(handle, index) }

  func bind(_ value: [UInt8], at index: Int32) {
    value.withUnsafeBytes { bytes in bind(bytes, at: index) }
  }

  func bind(_ value: ByteString, at index: Int32) { bind(value.bytes, at: index) }

  func bind(_ value: String, at index: Int32) {
    var value = value
    value.withUTF8 { text in
      text.withMemoryRebound(to: CChar.self) { text in
        let start = text.baseAddress
        _ = sqlite3_bind_text(handle, index, start ?? UnsafePointer(bitPattern: 1), Int32(text.count), Self.copied)
      }
    }
  }

  /// The 16 bytes of a digest, most significant first, so that the order of rows is the order of digests.
  func bind(_ value: Digest, at index: Int32) {
    withUnsafeBytes(of: (value.high.bigEndian, value.low.bigEndian)) { bytes in bind(bytes, at: index) }
  }

  private func bind(_ bytes: UnsafeRawBufferPointer, at index: Int32) {
    if bytes.isEmpty {
      // A null address would bind NULL and not an empty value.
      sqlite3_bind_zeroblob(handle, index, 0)
    } else {
      sqlite3_bind_blob64(handle, index, bytes.baseAddress, UInt64(bytes.count), Self.copied)
    }
  }

  /// Goes on to the next row; false where there is none.
  func step() throws(SystemError) -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let code:
      let error = database.error(code)
      reset()
      throw error
    }
  }

  /// Runs a statement without results, and makes it ready again.
  func run() throws(SystemError) {
    while try step() {}
    reset()
  }

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
  func double(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }

  func bytes(_ column: Int32) -> [UInt8] { Array(rawBytes(column)) }

  func text(_ column: Int32) -> String? { String(validating: rawBytes(column), as: UTF8.self) }

  func digest(_ column: Int32) -> Digest? {
    let bytes = rawBytes(column)
    guard bytes.count == 16 else { return nil }
    return Digest(
      high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
      low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
  }

  /// Good until the statement steps or is reset.
  private func rawBytes(_ column: Int32) -> UnsafeRawBufferPointer {
    // The address first: asking for the count may convert the value.
    let start = sqlite3_column_blob(handle, column)
    return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(handle, column)))
  }
}
