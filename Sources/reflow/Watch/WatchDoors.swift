import ArgumentParser
import BuildGraph
import Diagnostics
import Driver
import LinuxSystem
import Ports
import Storage
import Watching
@preconcurrency import Glibc

/// The doors of a watch's builds, kept open from round to round.
final class WatchDoors {
  private let session: Session
  private let map: WatchMap
  private let clock: SystemClock
  private let fileSystem: LinuxFileSystem
  private var kept: Kept?

  /// What belongs to one `.reflow/`.
  private struct Kept {
    var identity: StateFolder.Identity
    var objects: FileObjectStore
    var runner: LinuxStepRunner
  }

  init(session: Session, map: WatchMap, clock: SystemClock) {
    self.session = session
    self.map = map
    self.clock = clock
    fileSystem = LinuxFileSystem(
      roots: session.workspace.rootFolders, stateFolder: session.workspace.stateFolder)
  }

  /// One round.
  func build(
    _ request: Session.Request, _ round: WatchRound, interruption: Interruption, sink: any EventSink
  ) -> BuildEvent.Summary {
    let session = session
    let state = session.workspace.stateFolder
    let roots = session.workspace.rootFolders
    // Folders that were moved or made anew are found again by their paths.
    if !round.changes.isWhole { fileSystem.roots.reopen() }
    let watched = WatchedFileSystem(fileSystem, map: map)
    let snapshot = WatchedSnapshot(
      MappedSnapshot(
        stateFolder: state, roots: roots, output: session.outputFolder,
        version: ByteString(Reflow.configuration.version)),
      map: map)
    var store: SQLiteStore?
    let summary = Driver.build(
      session.buildOptions(request, mode: session.sandboxMode),
      QuickDoors(snapshot: snapshot, fileSystem: watched, clock: clock), interruption: interruption,
      changes: round.feed, sink: sink,
      open: { () throws(SystemError) -> World in
        let kept = try self.keep()
        return World(
          fileSystem: watched, objects: kept.objects,
          outputs: WatchedOutputTree(
            FileOutputTree(root: session.outputFolder, objects: kept.objects, linkMode: session.linkMode), map: map),
          runner: kept.runner, exporter: FolderExporter(roots: roots, objects: kept.objects), snapshot: snapshot,
          lock: StateFileLock(path: state + "/lock"), clock: clock,
          openStore: { () throws(SystemError) -> any Store in
            try kept.objects.sweep()
            let opened = try SQLiteStore(in: state)
            store = opened
            return opened
          })
      },
      load: { session.load(request) })
    for notice in store?.notices ?? [] { sink.receive(.diagnostic(Diagnostic("state.damaged", .warning, notice))) }
    return summary
  }

  /// The objects and the runner of the `.reflow/` that is there now: somebody may have removed the last one.
  private func keep() throws(SystemError) -> Kept {
    let folder = StateFolder(path: session.workspace.stateFolder)
    try folder.make()
    if let kept, kept.identity == folder.identity { return kept }
    let objects = try FileObjectStore(in: folder.path)
    let runner = LinuxStepRunner(
      configuration: session.runnerConfiguration(state: folder.path), fileSystem: fileSystem, objects: objects)
    let kept = Kept(identity: folder.identity, objects: objects, runner: runner)
    self.kept = kept
    return kept
  }
}
