import BuildGraph
import CLinux
import Diagnostics
import Glibc
import Ports

extension SQLiteStore {
  static func openDatabase(
    in folder: ByteString, options: Options
  ) throws(SystemError) -> (Database, notices: [String]) {
    try makeFolders(folder)
    let path = folder + "/reflow.db"
    var notices: [String] = []
    do throws(SystemError) {
      try sniff(path)
      let database = try connect(path, in: folder, options: options)
      return (database, [])
    } catch {
      guard error.code == .damaged else { throw error }
      notices.append(try setAside(path, because: error))
    }
    let database = try connect(path, in: folder, options: options)
    let salvaged = try salvage(into: database, from: newestDamaged(path), options: options)
    notices[0] += remedy(salvagedOutputs: salvaged)
    try advanceNumbers(of: database, in: folder)
    return (database, notices)
  }

  /// Opens the file without making, mending or converting anything.
  static func openForReading(in folder: ByteString, options: Options) throws(SystemError) -> Database {
    let path = folder + "/reflow.db"
    guard try FileStatus.of(path) != nil else { throw nothing(path) }
    try sniff(path)
    do throws(SystemError) {
      return try connectForReading(path, options: options, access: .read)
    } catch {
      // Where nobody may write, SQLite has no place for its shared memory, and needs none if the log is empty.
      let logBytes = try FileStatus.of(path + "-wal")?.hint.size ?? 0
      guard error.code == .notPermitted, logBytes == 0 else { throw error }
      return try connectForReading(path, options: options, access: .readAlone)
    }
  }

  private static func nothing(_ path: ByteString) -> SystemError {
    SystemError(.notFound, "nothing has been built here yet: '\(path.display)' holds nothing; run 'reflow build'")
  }

  private static func connectForReading(
    _ path: ByteString, options: Options, access: Database.Access
  ) throws(SystemError) -> Database {
    let database = try Database(path: path, vfs: options.vfs, access: access)
    do throws(SystemError) {
      database.setBusyTimeout(milliseconds: options.busyTimeoutMilliseconds)
      let version = try database.integer("PRAGMA user_version")
      if version == 0, try database.integer("SELECT count(*) FROM sqlite_schema") == 0 { throw nothing(path) }
      guard try database.integer("PRAGMA application_id") == StoreSchema.applicationID, version > 0 else {
        throw SystemError(.damaged, "cannot use the state '\(path.display)': it is damaged (not a state of Reflow)")
      }
      guard version >= StoreSchema.version else {
        throw SystemError(
          .unsupported, "cannot read the state '\(path.display)': an older Reflow wrote it; run 'reflow build' first")
      }
      return database
    } catch {
      database.close()
      throw error
    }
  }

  /// Looks at the header with nothing but a read, so that a state of a newer version is not touched at all.
  private static func sniff(_ path: ByteString) throws(SystemError) {
    guard let status = try FileStatus.of(path) else { return }
    guard status.kind == .file else {
      throw SystemError(.wrongKind, "cannot open the state '\(path.display)': it is not a file; move it away")
    }
    guard status.hint.size > 0 else { return }
    let file = try Descriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW)
    let header = try file.read(upTo: 100, path)
    // See: https://sqlite.org/fileformat2.html#the_database_header
    guard header.count == 100, header.starts(with: "SQLite format 3\u{0}".utf8) else {
      throw SystemError(.damaged, "cannot use the state '\(path.display)': it is damaged (no SQLite header)")
    }
    func word(_ offset: Int) -> Int64 { header[offset..<offset + 4].reduce(0) { $0 << 8 | Int64($1) } }
    let version = word(60)
    if word(68) == StoreSchema.applicationID, version > StoreSchema.version { throw newer(path, version) }
  }

  private static func newer(_ path: ByteString, _ version: Int64) -> SystemError {
    SystemError(
      .newerVersion,
      """
      cannot use the state '\(path.display)': a newer Reflow wrote it (format \(version), this one knows up to \
      \(StoreSchema.version)); use that Reflow, or move '.reflow' away to begin anew
      """)
  }

  private static func connect(
    _ path: ByteString, in folder: ByteString, options: Options
  ) throws(SystemError) -> Database {
    let database = try Database(path: path, vfs: options.vfs)
    do throws(SystemError) {
      guard !database.isReadOnly else {
        throw SystemError(
          .notPermitted,
          "cannot use the state '\(path.display)': it is read-only; make '.reflow' and the files in it writable for you"
        )
      }
      database.setBusyTimeout(milliseconds: options.busyTimeoutMilliseconds)
      // Before WAL: the shared memory file of WAL does not work there, and with an exclusive lock there is none.
      let isRemote = if let known = options.isOnNetwork { known } else { try isOnNetwork(folder) }
      if isRemote { try database.execute("PRAGMA locking_mode=EXCLUSIVE") }
      try database.execute("PRAGMA journal_mode=WAL")
      try database.execute("PRAGMA synchronous=NORMAL")
      // The store decides when the log is flushed: after a commit, and then wholly.
      try database.execute("PRAGMA wal_autocheckpoint=0")
      try database.execute("PRAGMA cache_size=-1024")
      try check(database, path, in: folder)
      try migrate(database, path)
      return database
    } catch {
      database.close()
      throw error
    }
  }

  /// Is the file as long as it says, and, where the last process did not end well, whole?
  private static func check(_ database: Database, _ path: ByteString, in folder: ByteString) throws(SystemError) {
    let pages = try database.integer("PRAGMA page_count")
    let pageBytes = max(512, try database.integer("PRAGMA page_size"))
    let bytes = try FileStatus.of(path)?.hint.size ?? 0
    let logBytes = try FileStatus.of(path + "-wal")?.hint.size ?? 0
    // A frame of the log is a page and 24 bytes; the log begins with 32.
    guard bytes / pageBytes + max(0, logBytes - 32) / (pageBytes + 24) >= pages else {
      throw SystemError(.damaged, "cannot use the state '\(path.display)': it is damaged (its end is missing)")
    }
    guard try FileStatus.of(markerPath(in: folder)) != nil else { return }
    let statement = try database.prepare("PRAGMA quick_check(1)")
    defer { statement.reset() }
    guard try statement.step(), statement.text(0) == "ok" else {
      throw SystemError(
        .damaged, "cannot use the state '\(path.display)': it is damaged (\(statement.text(0) ?? "quick_check failed"))"
      )
    }
  }

  private static func migrate(_ database: Database, _ path: ByteString) throws(SystemError) {
    let version = try database.integer("PRAGMA user_version")
    let application = try database.integer("PRAGMA application_id")
    guard version <= StoreSchema.version || application != StoreSchema.applicationID else { throw newer(path, version) }
    guard version != StoreSchema.version || application != StoreSchema.applicationID else { return }
    let isEmpty = try database.integer("SELECT count(*) FROM sqlite_schema") == 0
    guard isEmpty ? version == 0 : application == StoreSchema.applicationID && version > 0 else {
      throw SystemError(.damaged, "cannot use the state '\(path.display)': it is damaged (not a state of Reflow)")
    }
    try database.transaction(durably: true) { () throws(SystemError) in
      for script in StoreSchema.migrations[Int(version)...] { try database.execute(script) }
      if isEmpty {
        let statement = try database.prepare("INSERT INTO state VALUES (1, ?1, 1, 1, 1, 0)")
        statement.bind(randomBytes(count: 16), at: 1)
        try statement.run()
      }
      try database.execute("PRAGMA application_id=\(StoreSchema.applicationID)")
      try database.execute("PRAGMA user_version=\(StoreSchema.version)")
    }
  }

  func loadState() throws(SystemError) {
    try recovering { () throws(SystemError) in
      let statement = try database.prepare("SELECT workspace, generation, nextRun, committedAt FROM state")
      defer { statement.reset() }
      guard try statement.step() else {
        throw SystemError(.damaged, "cannot use the state '\(path.display)': it is damaged (its first row is missing)")
      }
      workspaceID = statement.bytes(0)
      generation = max(generation, statement.integer(1))
      reservedRun = max(statement.integer(2), Self.notedRun(in: folder) ?? 1)
      committedAt = statement.integer(3)
    }
    if committedAt > reflow_coarse_time() { try forgetHints() }
  }

  /// The clock was set back: a file written from now on may get the very times that it had, so that no figures tell anything
  /// any more. Everything is looked at anew, once.
  private func forgetHints() throws(SystemError) {
    try recovering { () throws(SystemError) in
      let outputs = Self.outputsWithoutHints(database)
      try database.transaction { () throws(SystemError) in
        try database.execute("DELETE FROM source")
        try Self.set(outputs, in: database)
        try noteTime()
      }
    }
  }

  /// Within a transaction.
  func noteTime() throws(SystemError) {
    committedAt = reflow_coarse_time()
    let statement = try database.prepare("UPDATE state SET committedAt = ?1")
    statement.bind(committedAt, at: 1)
    try statement.run()
  }

  // MARK: - Damage

  /// Sets the file aside while the store is in use, and begins anew.
  func rebuild(because error: SystemError) throws(SystemError) {
    database.close()
    var notice = try Self.setAside(path, because: error)
    database = try Self.connect(path, in: folder, options: options)
    let salvaged = try Self.salvage(into: database, from: Self.newestDamaged(path), options: options)
    notice += Self.remedy(salvagedOutputs: salvaged)
    notices.append(notice)
    try Self.advanceNumbers(of: database, in: folder)
    let statement = try database.prepare("SELECT workspace, nextRun FROM state")
    defer { statement.reset() }
    guard try statement.step() else { throw error }
    workspaceID = statement.bytes(0)
    reservedRun = max(statement.integer(1), runs.upperBound)
    generation += 1
    try noteInode()
  }

  /// Renames the database and its log, and says so.
  private static func setAside(_ path: ByteString, because error: SystemError) throws(SystemError) -> String {
    var number = 1
    while try FileStatus.of(damagedPath(path, number)) != nil { number += 1 }
    let place = damagedPath(path, number)
    for suffix: ByteString in ["", "-wal"] {
      let code = withCString(path + suffix) { old in
        withCString(place + suffix) { reflow_rename_at(AT_FDCWD, old, AT_FDCWD, $0, 0) }
      }
      guard code == 0 || code == ENOENT else { throw SystemError(errno: code, cannot: "set aside", path + suffix) }
    }
    withCString(path + "-shm") { _ = unlink($0) }
    return "\(error.message); it was set aside as '\(place.display)'"
  }

  private static func damagedPath(_ path: ByteString, _ number: Int) -> ByteString {
    path + ".damaged-" + ByteString(String(number))
  }

  private static func newestDamaged(_ path: ByteString) throws(SystemError) -> ByteString {
    var number = 1
    while try FileStatus.of(damagedPath(path, number + 1)) != nil { number += 1 }
    return damagedPath(path, number)
  }

  private static func remedy(salvagedOutputs count: Int) -> String {
    let outputs =
      count == 0
      ? "outputs that are as they would be written are taken over"
      : "\(count) outputs are still known as Reflow's"
    return " and begun anew: steps run again as needed, \(outputs)"
  }

  /// Reads who owns which output, and what was promised, from a damaged file, row by row as far as seals hold.
  ///
  /// Nothing else is taken over: it can all be made again, but without ownership a changed output would be refused as foreign.
  private static func salvage(
    into database: Database, from path: ByteString, options: Options
  ) throws(SystemError) -> Int {
    guard let damaged = try? Database(path: path, vfs: options.vfs) else { return 0 }
    defer { damaged.close() }
    let outputs = outputsWithoutHints(damaged)
    var intents: [(ByteString, [UInt8])] = []
    _ = try? damaged.eachRow("SELECT path, value FROM intent") { row in
      let (path, value) = (ByteString(bytes: row.bytes(0)), row.bytes(1))
      guard Promise(sealed: value, seed: RowSeal.seed(.intent, path)) != nil else { return }
      intents.append((path, value))
    }
    let run = (try? damaged.integer("SELECT nextRun FROM state")) ?? 0
    let build = (try? damaged.integer("SELECT nextBuild FROM state")) ?? 0
    try database.transaction { () throws(SystemError) in
      try set(outputs, in: database)
      let intent = try database.prepare("INSERT OR REPLACE INTO intent VALUES (?1, ?2)")
      for (path, value) in intents {
        intent.bind(path, at: 1)
        intent.bind(value, at: 2)
        try intent.run()
      }
      let state = try database.prepare("UPDATE state SET nextRun = max(nextRun, ?1), nextBuild = max(nextBuild, ?2)")
      // A number out of a damaged file may be anything; ids must stay far from the end of their range.
      state.bind(min(run, 1 << 50), at: 1)
      state.bind(min(build, 1 << 50), at: 2)
      try state.run()
    }
    return outputs.count
  }

  /// The rows of the outputs of all trees, as far as seals hold, by their keys: who owns what, and nothing of how files looked.
  private static func outputsWithoutHints(_ database: Database) -> [(key: ByteString, value: [UInt8])] {
    var rows: [(key: ByteString, value: [UInt8])] = []
    _ = try? database.eachRow("SELECT path, value FROM output") { row in
      let key = ByteString(bytes: row.bytes(0))
      let seed = RowSeal.seed(.output, key)
      guard var ownership = Ownership(sealed: row.bytes(1), seed: seed) else { return }
      ownership.hint = nil
      rows.append((key, ownership.sealed(seed)))
    }
    return rows
  }

  private static func set(
    _ outputs: [(key: ByteString, value: [UInt8])], in database: Database
  ) throws(SystemError) {
    let statement = try database.prepare("INSERT OR REPLACE INTO output VALUES (?1, ?2)")
    for (key, value) in outputs {
      statement.bind(key, at: 1)
      statement.bind(value, at: 2)
      try statement.run()
    }
  }

  // MARK: - Numbers, beside the database

  /// Run ids must not be used again even where the database is lost, since logs and folders are named by them.
  func noteNumbers(run: Int64) {
    try? replaceFile(folder + "/numbers", with: Array("\(run)\n".utf8))
  }

  private static func notedRun(in folder: ByteString) -> Int64? {
    guard let bytes = try? readFile(folder + "/numbers", limitBytes: 64),
      let text = String(validating: bytes, as: UTF8.self), let run = Int64(text.dropLast()), run > 0
    else { return nil }
    return min(run, 1 << 50)
  }

  private static func advanceNumbers(of database: Database, in folder: ByteString) throws(SystemError) {
    guard let run = notedRun(in: folder) else { return }
    try database.transaction { () throws(SystemError) in
      let state = try database.prepare("UPDATE state SET nextRun = max(nextRun, ?1)")
      state.bind(min(run, 1 << 50), at: 1)
      try state.run()
    }
  }

  // MARK: - Beside the file

  static func markerPath(in folder: ByteString) -> ByteString { folder + "/reflow.db.open" }

  /// Leaves a mark that a process changes the state; it is still there if that process is killed, and the next one then
  /// checks the whole file.
  func markOpen() throws(SystemError) {
    guard !isMarkedOpen else { return }
    let marker = try Descriptor(
      opening: Self.markerPath(in: folder), flags: O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o666)
    _ = marker.number
    isMarkedOpen = true
  }

  private static func isOnNetwork(_ folder: ByteString) throws(SystemError) -> Bool {
    let descriptor = try Descriptor(folder: folder)
    return FileSystemKind(of: descriptor.number).isNetwork
  }

  private static func randomBytes(count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }
}

/// What kind of file system something is on. See: man 2 statfs.
struct FileSystemKind {
  let magic: UInt64

  init(of descriptor: Int32) {
    var magic: UInt64 = 0
    _ = reflow_filesystem_kind(descriptor, &magic)
    self.magic = magic
  }

  /// Whether another machine, or a program, may answer for it: shared memory and clocks are then not this kernel's.
  var isNetwork: Bool {
    // NFS, SMB, CIFS, SMB2, FUSE, 9p, Ceph, AFS, Coda, GFS2, OCFS2, Lustre, GPFS.
    let known: [UInt64] = [
      0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x6573_5546, 0x0102_1997, 0x00C3_6400, 0x5346_414F, 0x7375_7245,
      0x0116_1970, 0x7461_636F, 0x0BD0_0BD0, 0x4750_4653,
    ]
    return known.contains(magic & 0xFFFF_FFFF)
  }
}
