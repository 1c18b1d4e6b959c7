package import BuildGraph
package import Diagnostics
import Glibc
package import Ports

/// The state in `.reflow/reflow.db`. See <doc:StoreFormat> and <doc:Durability>.
///
/// Damage that shows at any time sets the file aside, says so in ``notices`` and goes on with an empty state: everything in
/// it can be made again by work, and who owns which output is read from the damaged file as far as its seals hold.
///
/// One thread at a time; the caller holds the state lock.
package final class SQLiteStore: Store {
  package struct Options: Sendable {
    /// SQLite's layer below; nil for the system's. Tests put faults there.
    package var vfs: String?
    /// The output tree that outputs and intents are those of: a name that stays the same; empty for the default tree.
    package var tree: ByteString
    /// Whether `.reflow` is on a network file system; nil to ask the kernel.
    package var isOnNetwork: Bool?
    /// How many run ids are reserved at a time.
    package var runBlock: Int64
    /// Whether an intent to write where nothing of ours lies is flushed before it is acted upon; see <doc:Durability>.
    package var flushesIntents: Bool
    /// How many graphs are kept.
    package var keptGraphs: Int64
    package var busyTimeoutMilliseconds: Int32
    /// Nothing is changed: damage is thrown and not mended, and commits are errors. Needs no state lock; what is read is as of the
    /// last commit at the time of each query.
    package var isReadOnly: Bool

    package init(
      vfs: String? = nil, tree: ByteString = "", isOnNetwork: Bool? = nil, runBlock: Int64 = 4096,
      flushesIntents: Bool = true,
      keptGraphs: Int64 = 8, busyTimeoutMilliseconds: Int32 = 10_000, isReadOnly: Bool = false
    ) {
      self.isReadOnly = isReadOnly
      self.vfs = vfs
      self.tree = tree
      self.isOnNetwork = isOnNetwork
      self.runBlock = runBlock
      self.flushesIntents = flushesIntents
      self.keptGraphs = keptGraphs
      self.busyTimeoutMilliseconds = busyTimeoutMilliseconds
    }
  }

  /// What the user must be told about the state: that it was damaged and set aside, and what follows. Sentences.
  package internal(set) var notices: [String] = []
  package internal(set) var generation: Int64 = 0
  /// 16 random bytes, made with the state: another value means that `.reflow` was deleted and made anew.
  package internal(set) var workspaceID: [UInt8] = []

  /// Nanoseconds since 1970 of the last commit, by anyone.
  var committedAt: Int64 = 0
  let folder: ByteString
  let options: Options
  let keys: OutputKeys
  var database: Database
  var path: ByteString { folder + "/reflow.db" }

  var runs: Range<Int64> = 0..<0
  /// What the database says is the first run that was never reserved.
  var reservedRun: Int64 = 1
  private var lastBuild: Int64 = 0
  var isMarkedOpen = false
  private var isClosed = false
  /// Of the database file, by which its deletion is noticed.
  private var openedInode: UInt64 = 0

  /// Opens the state below `.reflow`, and makes both where they are missing.
  ///
  /// - Parameter folder: the absolute path of `.reflow`.
  /// - Throws: `newerVersion` where a newer Reflow wrote it (nothing is touched), `notPermitted`, `locked`, `noSpace`; read only, also
  ///   `notFound` where there is none, and `damaged`.
  package init(in folder: ByteString, options: Options = Options()) throws(SystemError) {
    self.folder = folder
    self.options = options
    keys = OutputKeys(tree: options.tree)
    if options.isReadOnly {
      database = try Self.openForReading(in: folder, options: options)
    } else {
      (database, notices) = try Self.openDatabase(in: folder, options: options)
    }
    try loadState()
    try noteInode()
  }

  func noteInode() throws(SystemError) { openedInode = try FileStatus.of(path)?.hint.inode ?? 0 }

  deinit { close() }

  /// Gives unused run ids back, flushes a long log, and ends the connection. Idempotent; nothing may be called afterwards.
  package func close() {
    guard !isClosed else { return }
    isClosed = true
    if !runs.isEmpty, reservedRun == runs.upperBound {
      // Only a convenience: without it the numbers have a gap.
      try? database.transaction { () throws(SystemError) in
        let statement = try database.prepare("UPDATE state SET nextRun = ?1")
        statement.bind(runs.lowerBound, at: 1)
        try statement.run()
      }
      noteNumbers(run: runs.lowerBound)
    }
    if !options.isReadOnly, logBytes > Self.logBytesAtClose { try? database.checkpoint() }
    database.close()
    if isMarkedOpen { withCString(Self.markerPath(in: folder)) { _ = unlink($0) } }
  }

  /// Reading a log of this length takes about a millisecond at the next start; flushing it takes several now.
  private static let logBytesAtClose: Int64 = 1 << 20
  private static let logBytesAtCommit: Int64 = 4 << 20

  private var logBytes: Int64 { ((try? FileStatus.of(path + "-wal")) ?? nil)?.hint.size ?? 0 }

  // MARK: - Changes

  /// Makes the changes as one transaction.
  ///
  /// Objects that results name must be durable already (`sync` of the object store). A commit with an intent to write where nothing of
  /// ours lies is durable when this returns; others are atomic, and a power failure may take back the last ones.
  package func commit(_ changes: [StoreChange]) throws(SystemError) {
    guard !changes.isEmpty else { return }
    let durably = changes.contains { change in
      // What replaces or removes something of ours is known as ours by the row of the output, whatever becomes of the intent.
      if case .setIntents(let intents) = change {
        options.flushesIntents && intents.contains { $0.old == nil }
      } else {
        false
      }
    }
    try commit(durably: durably) { generation throws(SystemError) in
      for change in changes { try apply(change, generation: generation) }
    }
  }

  /// Makes what `body` does one transaction, that of the next generation.
  func commit(durably: Bool = false, _ body: (Int64) throws(SystemError) -> Void) throws(SystemError) {
    try markOpen()
    do throws(SystemError) {
      try commitOnce(durably: durably, body)
    } catch {
      guard error.code == .damaged else { throw error }
      try rebuild(because: error)
      try commitOnce(durably: durably, body)
    }
    if logBytes > Self.logBytesAtCommit { try? database.checkpoint() }
  }

  private func commitOnce(durably: Bool, _ body: (Int64) throws(SystemError) -> Void) throws(SystemError) {
    let next = generation + 1
    try database.transaction(durably: durably) { () throws(SystemError) in
      try body(next)
      let statement = try database.prepare("UPDATE state SET generation = ?1")
      statement.bind(next, at: 1)
      try statement.run()
      try noteTime()
    }
    generation = next
  }

  package func refresh() throws(SystemError) {
    guard let status = try FileStatus.of(path), status.hint.inode == openedInode else {
      throw SystemError(.notFound, "the state '\(path.display)' was removed while it was in use; run again")
    }
    try loadState()
  }

  // MARK: - Numbers

  package func nextRun() throws(SystemError) -> RunID {
    if runs.isEmpty {
      try markOpen()
      try recovering { () throws(SystemError) in try reserveRuns() }
    }
    let number = runs.lowerBound
    runs = (number + 1)..<runs.upperBound
    return RunID(number: number)
  }

  private func reserveRuns() throws(SystemError) {
    let first = reservedRun
    // Folders and logs are named by runs, and outlive a power failure that the database's last commits do not: first in a file of
    // its own, whose replacement goes to disk before the names that are made later.
    noteNumbers(run: first + options.runBlock)
    try database.transaction { () throws(SystemError) in
      let statement = try database.prepare("UPDATE state SET nextRun = ?1")
      statement.bind(first + options.runBlock, at: 1)
      try statement.run()
    }
    reservedRun = first + options.runBlock
    runs = first..<reservedRun
  }

  package func nextBuild() throws(SystemError) -> Int64 {
    // What `beginBuild` commits makes the next one greater; until then this process remembers.
    let number = try recovering { () throws(SystemError) in
      max(try database.integer("SELECT nextBuild FROM state"), lastBuild + 1)
    }
    lastBuild = number
    return number
  }

  /// Runs `body`; where it meets damage, sets the file aside and runs it again on an empty state.
  func recovering<Result>(_ body: () throws(SystemError) -> Result) throws(SystemError) -> Result {
    do throws(SystemError) {
      return try body()
    } catch {
      guard error.code == .damaged, !options.isReadOnly else { throw error }
      try rebuild(because: error)
      return try body()
    }
  }
}
