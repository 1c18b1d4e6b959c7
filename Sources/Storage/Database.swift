import BuildGraph
import CSQLite
import Diagnostics
import Glibc

/// One connection to an SQLite file, with its prepared statements. Not for use by two threads at once.
final class Database {
  private let handle: OpaquePointer
  /// For messages.
  private let path: ByteString
  /// By the address of the SQL text, which is a literal of the program.
  private var statements: [UnsafePointer<UInt8>: Statement] = [:]

  enum Access {
    /// The file is made where it is missing.
    case write
    case read
    /// Nobody can write the file or its log while it is open, and the log is empty: nothing is needed beside the file.
    case readAlone
  }

  /// The bytes of a path as a URI has them.
  private static func escaped(_ path: ByteString) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return path.bytes.flatMap { byte in
      let isPlain = byte == UInt8(ascii: "/") || (byte < 0x80 && "-._~".utf8.contains(byte)) || isAlphanumeric(byte)
      return isPlain ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    case _: false
    }
  }

  /// Opens the file.
  ///
  /// - Parameters:
  ///   - vfs: SQLite's name of the layer below; nil for the system's own. Tests put faults there.
  ///   - access: how the file is opened.
  /// - Throws: `notPermitted`, `noSpace`, `damaged`.
  init(path: ByteString, vfs: String? = nil, access: Access = .write) throws(SystemError) {
    var opened: OpaquePointer?
    var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    var name = path
    switch access {
    case .write: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
    case .read: flags |= SQLITE_OPEN_READONLY
    case .readAlone:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
      name = "file:" + ByteString(bytes: Self.escaped(path)) + "?immutable=1"
    }
    let result = withCString(name) { name in sqlite3_open_v2(name, &opened, flags, vfs) }
    guard result == SQLITE_OK, let opened else {
      let error = Self.error(code: result, handle: opened, path: path, doing: "open")
      sqlite3_close(opened)
      throw error
    }
    handle = opened
    self.path = path
    _ = reflow_sqlite_keep_log_on_close(opened)
  }

  /// How long a lock of another process is waited for.
  func setBusyTimeout(milliseconds: Int32) { sqlite3_busy_timeout(handle, milliseconds) }

  /// Whether the file can only be read: SQLite falls back to that silently.
  var isReadOnly: Bool { sqlite3_db_readonly(handle, "main") == 1 }

  /// Ends the connection, and leaves the log as it is: flushing is ``checkpoint()``'s. Nothing may be called afterwards.
  func close() {
    for statement in statements.values { statement.finalize() }
    statements = [:]
    sqlite3_close_v2(handle)
  }

  /// Runs statements without results.
  func execute(_ sql: String) throws(SystemError) {
    let result = sqlite3_exec(handle, sql, nil, nil, nil)
    guard result == SQLITE_OK else { throw error(result) }
  }

  /// The prepared form of a literal statement; the same one each time.
  func prepare(_ sql: StaticString) throws(SystemError) -> Statement {
    if let known = statements[sql.utf8Start] { return known }
    var prepared: OpaquePointer?
    let result = sql.withUTF8Buffer { text in
      text.withMemoryRebound(to: CChar.self) { text in
        sqlite3_prepare_v3(
          handle, text.baseAddress, Int32(text.count), UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
      }
    }
    guard result == SQLITE_OK, let prepared else { throw error(result) }
    let statement = Statement(handle: prepared, database: self)
    statements[sql.utf8Start] = statement
    return statement
  }

  /// The integer that a statement of one row and column gives.
  func integer(_ sql: StaticString) throws(SystemError) -> Int64 {
    let statement = try prepare(sql)
    defer { statement.reset() }
    return try statement.step() ? statement.integer(0) : 0
  }

  /// Runs `body` as one transaction: all of it happens, or, where it throws, nothing.
  ///
  /// - Parameter durably: whether it must survive a power failure as soon as this returns (one flush, milliseconds);
  ///   otherwise it is atomic and survives a kill, and a power failure may take back the last few.
  func transaction<Result>(
    durably: Bool = false, _ body: () throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    // The level cannot be changed within a transaction.
    if durably { try execute("PRAGMA synchronous=FULL") }
    defer { if durably { try? execute("PRAGMA synchronous=NORMAL") } }
    try execute("BEGIN IMMEDIATE")
    do throws(SystemError) {
      let result = try body()
      try execute("COMMIT")
      return result
    } catch {
      for statement in statements.values { statement.reset() }
      // Some failures (disk full, for one) have rolled back already.
      if sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") }
      throw error
    }
  }

  /// Runs queries in one read transaction: one state, and one lock for all of them. Within a transaction, just runs them.
  func reading(_ body: () throws(SystemError) -> Void) throws(SystemError) {
    guard sqlite3_get_autocommit(handle) != 0 else { return try body() }
    try execute("BEGIN")
    do throws(SystemError) {
      try body()
      try execute("COMMIT")
    } catch {
      for statement in statements.values { statement.reset() }
      if sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") }
      throw error
    }
  }

  /// Moves what the log holds into the main file and empties the log.
  func checkpoint() throws(SystemError) {
    let result = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
    // Somebody reads an old state: the next commit tries again.
    guard result == SQLITE_OK || result & 0xFF == SQLITE_BUSY else { throw error(result) }
  }

  func error(_ code: Int32) -> SystemError {
    Self.error(code: code, handle: handle, path: path, doing: "use")
  }

  // See: https://sqlite.org/rescode.html
  private static func error(code: Int32, handle: OpaquePointer?, path: ByteString, doing verb: String) -> SystemError {
    let system = handle.map { sqlite3_system_errno($0) } ?? 0
    let said = handle.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(code))
    let subject = "cannot \(verb) the state '\(path.display)'"
    switch code & 0xFF {
    case SQLITE_FULL:
      return SystemError(
        .noSpace, "\(subject): the disk is full; free some space and run again, nothing was lost", errno: ENOSPC)
    case SQLITE_BUSY, SQLITE_LOCKED:
      return SystemError(.locked, "\(subject): another process uses it; wait for it to end, or end it, and run again")
    case SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH:
      return SystemError(
        .notPermitted, "\(subject): it cannot be written; make '.reflow' and the files in it writable for you",
        errno: system)
    case SQLITE_NOMEM: return SystemError(.limit, "\(subject): out of memory")
    case SQLITE_TOOBIG: return SystemError(.limit, "\(subject): a value is larger than a gigabyte")
    case SQLITE_IOERR where code != shortRead:
      guard system == 0 || system == EIO else { return SystemError(errno: system, cannot: "write the state", path) }
      return SystemError(
        .other, "\(subject): the disk reports an error (\(said)); check it and run again", errno: system)
    // A statement that cannot be prepared, a constraint that does not hold, a file that ends too early: our statements are
    // right, so the file is not what we wrote.
    case _: return SystemError(.damaged, "\(subject): it is damaged (\(said))")
    }
  }

  private static let shortRead: Int32 = SQLITE_IOERR | (2 << 8)
}
