import ArgumentParser
import BuildGraph
import Diagnostics
import Driver
import LinuxSystem
import Ports
import Slurm
import Storage
import Watching
@preconcurrency import Glibc

/// The doors of a watch's builds, and the build itself, kept from round to round.
final class WatchDoors {
  private let fileSystem: LinuxFileSystem
  private let build: ResidentBuild
  private let tables: KeptTables
  private let lock: StateFileLock
  private let clock: SystemClock
  /// Whether what no round has to wait for is written, but for what tables leave.
  private var isSettled = false
  /// When tables are due to be left to the next process though nothing rests.
  private var nextKeeping: Double
  private let stores = Stores()
  private let map: WatchMap
  private let clusters = Clusters()
  /// Whoever hears the round, and the threads of a cluster as well.
  private let voice = SharedSink()
  private let outputRoot: RootID
  private let hostRoot: RootID

  private final class Clusters {
    var latest: SlurmRunner?
  }

  /// What the state had to say when it was opened.
  private final class Stores {
    var latest: SQLiteStore?
    var said = 0
  }

  init(_ session: Session, _ request: Session.Request, map: WatchMap, clock: SystemClock) {
    let state = session.workspace.stateFolder
    let roots = session.workspace.rootFolders
    outputRoot = RootID(index: UInt16(roots.count))
    hostRoot = RootID(index: UInt16(roots.count + 1))
    let fileSystem = LinuxFileSystem(roots: roots, stateFolder: state)
    let watched = WatchedFileSystem(fileSystem, map: map)
    let version = ByteString(Reflow.version)
    let snapshot = WatchedSnapshot(
      MappedSnapshot(stateFolder: state, roots: roots, output: session.outputFolder, version: version), map: map)
    let (stores, clusters, voice) = (stores, clusters, voice)
    let treeName = session.workspace.treeName(of: session.outputFolder)
    let tables = KeptTables(traces: TableTraces(FolderTraceStorage(stateFolder: state, version: version)))
    self.fileSystem = fileSystem
    self.tables = tables
    self.clock = clock
    nextKeeping = clock.monotonic + Self.secondsBetween
    lock = StateFileLock(path: state + "/lock")
    build = ResidentBuild(
      session.buildOptions(request, mode: session.sandboxMode),
      QuickDoors(snapshot: snapshot, fileSystem: watched, clock: clock), isWatching: true,
      open: { () throws(SystemError) -> World in
        try StateFolder(path: state).make()
        let objects = try FileObjectStore(in: state)
        let tree = FileOutputTree(root: session.outputFolder, objects: objects, linkMode: session.linkMode)
        let runners = try session.runners(
          fileSystem: fileSystem, objects: objects, clock: clock, sink: voice, kept: tables)
        clusters.latest?.close()
        clusters.latest = runners.slurm
        var world = World(
          fileSystem: watched, objects: objects, outputs: WatchedOutputTree(tree, map: map),
          runner: runners.runner,
          exporter: FolderExporter(roots: roots, objects: objects), snapshot: snapshot,
          lock: StateFileLock(path: state + "/lock"), clock: clock,
          openStore: { () throws(SystemError) -> any Store in
            // The lock is ours: what lies in the temporary folder was left by a crash.
            try objects.sweep()
            let opened = try SQLiteStore(in: state, options: SQLiteStore.Options(tree: treeName, flushesIntents: false))
            stores.latest = opened
            stores.said = 0
            return opened
          })
        world.pools = runners.pools
        return world
      },
      load: {
        map.beginSurvey()
        return session.load(request)
      })
    self.map = map
  }

  /// One round.
  func update(_ round: WatchRound, interruption: Interruption, sink: any EventSink) -> BuildEvent.Summary {
    // Folders that were moved or made anew are found again by their paths.
    if !round.changes.isWhole {
      fileSystem.roots.reopen()
      fileSystem.doubtGrowth()
    }
    isSettled = false
    voice.hand(to: sink)
    defer { voice.hand(to: nil) }
    let summary = build.update(changes(round.changes), interruption: interruption, feed: round.feed, sink: voice)
    map.endSurvey(isWhole: build.wasWhole, growing: build.growingFiles)
    if let store = stores.latest {
      for notice in store.notices.dropFirst(stores.said) {
        sink.receive(.diagnostic(Diagnostic("state.damaged", .warning, notice)))
      }
      stores.said = store.notices.count
    }
    // Of a stream that never rests. After the round, so that the next one has to wait for a piece at most.
    if clock.monotonic > nextKeeping { _ = keepTables(forAtMost: Self.secondsAtOnce) }
    return summary
  }

  private func changes(_ changes: WatchChanges) -> ResidentBuild.Changes {
    var paths = ChangedPaths()
    for path in changes.paths {
      if path.root == outputRoot {
        paths.outputs.append(path.bytes)
      } else if path.root == hostRoot {
        // Modules that a program names by absolute paths.
        paths.sources.append(Path("/" + path.bytes))
      } else {
        paths.sources.append(path)
      }
    }
    // A state that is not there any more knows nothing.
    let isWhole = changes.isWhole && !changes.paths.contains(Path(".reflow"))
    return isWhole ? .paths(paths) : .unknown(paths)
  }

  /// Writes what no round had to wait for, some milliseconds of it: the snapshot first, and what tables leave to the next process when
  /// nothing has happened for longer.
  ///
  /// - Returns: after how many seconds there is more; nil if there is not.
  func settle() -> Double? {
    if !isSettled {
      isSettled = true
      build.settle()
      return Self.secondsOfRest
    }
    switch keepTables(forAtMost: Self.secondsAtOnce) {
    case .all: return nil
    case .some: return 0
    case .later: return Self.secondsOfRest
    }
  }

  private static let secondsOfRest = 2.0
  private static let secondsBetween = 60.0
  private static let secondsAtOnce = 0.01
  /// A watch that is told to end does so within a second.
  private static let secondsAtEnd = 0.4

  private func keepTables(forAtMost seconds: Double) -> KeptTables.Kept {
    let end = clock.monotonic + seconds
    let kept = tables.keep {
      clock.monotonic < end
    } locked: { body in
      guard let isOurs = try? lock.tryToAcquire(), isOurs else { return false }
      defer { lock.release() }
      body()
      return true
    }
    if kept == .all { nextKeeping = clock.monotonic + Self.secondsBetween }
    return kept
  }

  /// Writes what there is time for, and gives back what was held for further rounds.
  func close() {
    build.settle()
    if keepTables(forAtMost: Self.secondsAtEnd) != .all { tables.abandon() }
    clusters.latest?.close()
  }
}
