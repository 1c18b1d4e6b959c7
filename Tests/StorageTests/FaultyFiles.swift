import CSQLite
import Glibc
import Synchronization

/// A layer below SQLite that fails writes, flushes and truncations: the n-th one, or all from the n-th on.
///
/// One plan for the process; the suite that uses it is serialised.
enum FaultyFiles {
  static let name = "reflow-faults"

  /// How many operations still succeed; negative: no more faults.
  private static let remaining = Atomic<Int>(-1)
  private static let staysBroken = Atomic<Bool>(false)
  private static let code = Atomic<Int32>(0)
  private static let hasFailed = Atomic<Bool>(false)

  /// - Parameters:
  ///   - operation: counts from 0.
  ///   - staysBroken: whether everything after it fails, too, as if the process had been killed there.
  static func fail(operation: Int, with code: Int32, staysBroken: Bool) {
    hasFailed.store(false, ordering: .sequentiallyConsistent)
    self.code.store(code, ordering: .sequentiallyConsistent)
    self.staysBroken.store(staysBroken, ordering: .sequentiallyConsistent)
    remaining.store(operation, ordering: .sequentiallyConsistent)
  }

  /// Ends the faults, and says whether there was one.
  static func repair() -> Bool {
    remaining.store(-1, ordering: .sequentiallyConsistent)
    staysBroken.store(false, ordering: .sequentiallyConsistent)
    return hasFailed.exchange(false, ordering: .sequentiallyConsistent)
  }

  /// The error that an operation must give, or nil.
  private static func fault() -> Int32? {
    if hasFailed.load(ordering: .sequentiallyConsistent), staysBroken.load(ordering: .sequentiallyConsistent) {
      return code.load(ordering: .sequentiallyConsistent)
    }
    guard remaining.load(ordering: .sequentiallyConsistent) >= 0,
      remaining.subtract(1, ordering: .sequentiallyConsistent).oldValue == 0
    else { return nil }
    hasFailed.store(true, ordering: .sequentiallyConsistent)
    return code.load(ordering: .sequentiallyConsistent)
  }

  private typealias File = UnsafeMutablePointer<sqlite3_file>

  /// The real file lies behind ours in the memory that SQLite gives for both.
  private static let offset = 16

  private static func real(_ file: File?) -> File {
    (UnsafeMutableRawPointer(file!) + offset).assumingMemoryBound(to: sqlite3_file.self)
  }

  private static func methods(_ file: File?) -> sqlite3_io_methods { real(file).pointee.pMethods.pointee }

  // Both live as long as the process; SQLite never writes to them.
  nonisolated(unsafe) private static let system = sqlite3_vfs_find(nil)!
  nonisolated(unsafe) private static let table: UnsafeMutablePointer<sqlite3_io_methods> = {
    var table = sqlite3_io_methods()
    table.iVersion = 2
    table.xClose = { FaultyFiles.methods($0).xClose(FaultyFiles.real($0)) }
    table.xRead = { FaultyFiles.methods($0).xRead(FaultyFiles.real($0), $1, $2, $3) }
    table.xWrite = { FaultyFiles.fault() ?? FaultyFiles.methods($0).xWrite(FaultyFiles.real($0), $1, $2, $3) }
    table.xTruncate = { FaultyFiles.fault() ?? FaultyFiles.methods($0).xTruncate(FaultyFiles.real($0), $1) }
    table.xSync = { FaultyFiles.fault() ?? FaultyFiles.methods($0).xSync(FaultyFiles.real($0), $1) }
    table.xFileSize = { FaultyFiles.methods($0).xFileSize(FaultyFiles.real($0), $1) }
    table.xLock = { FaultyFiles.methods($0).xLock(FaultyFiles.real($0), $1) }
    table.xUnlock = { FaultyFiles.methods($0).xUnlock(FaultyFiles.real($0), $1) }
    table.xCheckReservedLock = { FaultyFiles.methods($0).xCheckReservedLock(FaultyFiles.real($0), $1) }
    table.xFileControl = { FaultyFiles.methods($0).xFileControl(FaultyFiles.real($0), $1, $2) }
    table.xSectorSize = { FaultyFiles.methods($0).xSectorSize(FaultyFiles.real($0)) }
    table.xDeviceCharacteristics = { FaultyFiles.methods($0).xDeviceCharacteristics(FaultyFiles.real($0)) }
    table.xShmMap = { FaultyFiles.methods($0).xShmMap(FaultyFiles.real($0), $1, $2, $3, $4) }
    table.xShmLock = { FaultyFiles.methods($0).xShmLock(FaultyFiles.real($0), $1, $2, $3) }
    table.xShmBarrier = { FaultyFiles.methods($0).xShmBarrier(FaultyFiles.real($0)) }
    table.xShmUnmap = { FaultyFiles.methods($0).xShmUnmap(FaultyFiles.real($0), $1) }
    let place = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    place.initialize(to: table)
    return place
  }()

  /// Makes the layer known to SQLite.
  static let isRegistered: Bool = {
    let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    vfs.initialize(to: system.pointee)
    vfs.pointee.szOsFile = system.pointee.szOsFile + Int32(offset)
    vfs.pointee.pNext = nil
    vfs.pointee.zName = UnsafePointer(strdup(name))
    vfs.pointee.xOpen = { _, path, file, flags, outFlags in
      let code = FaultyFiles.system.pointee.xOpen(FaultyFiles.system, path, FaultyFiles.real(file), flags, outFlags)
      file!.pointee.pMethods = FaultyFiles.real(file).pointee.pMethods == nil ? nil : UnsafePointer(FaultyFiles.table)
      return code
    }
    return sqlite3_vfs_register(vfs, 0) == SQLITE_OK
  }()
}
