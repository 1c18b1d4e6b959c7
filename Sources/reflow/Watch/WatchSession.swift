import BuildGraph
import CLinux
import Configuration
import Console
import Diagnostics
import Driver
import LinuxSystem
import Ports
import Storage
import Synchronization
import Watching
@preconcurrency import Glibc

/// `reflow watch`: the doors that stay open between rounds, and all that belongs to a round besides building.
final class WatchSession {
  private var session: Session
  private let request: Session.Request
  private let hooks: Hooks
  private let isPolling: Bool
  /// Of the page that shows what happens; 0 for any, nil for no page.
  private let pagePort: UInt16?
  private var page: WatchPage?
  private let clock = SystemClock()
  private let interruption = Interruption()
  private let control = WatchControl()
  private var sink: any EventSink = EventFanout([])
  private var trace: TraceLog?
  private var progress: ProgressReport?
  private var sayings: [String] = []
  fileprivate private(set) var server: WatchServer?
  /// Whether the last round was spoken of.
  private var wasHeard = false

  /// - Parameter isPolling: The kernel is not relied on: everything is looked at every two seconds.
  init(_ session: Session, _ request: Session.Request, hooks: Hooks, isPolling: Bool, pagePort: UInt16? = nil) {
    self.isPolling = isPolling
    self.pagePort = pagePort
    self.session = session
    self.request = request
    self.hooks = hooks
  }

  /// Watches until something ends it.
  ///
  /// - Returns: the exit status.
  func run() -> Int32 {
    do throws(SystemError) {
      // While the process is small and has one thread: the spawner is a copy of it.
      try LinuxStepRunner.startSpawner()
      signal(SIGPIPE, SIG_IGN)
      // What one round allocates another frees, on another thread.
      reflow_limit_fragments()
      let (control, interruption) = (control, interruption)
      Interrupts.watch { number in
        control.end(.signal(number))
        interruption.interrupt()
      }
      let sinks = try session.sinks(clock: clock, isContinuous: true) { text in
        if !Terminal.write(Array(text.utf8), to: STDERR_FILENO) {
          control.end(.unheard)
          interruption.interrupt()
        }
      }
      trace = sinks.lazy.compactMap { $0 as? TraceLog }.first
      progress = sinks.lazy.compactMap { $0 as? ProgressReport }.first
      sink = EventFanout(sinks)
      if let other = try beginServing() {
        throw SystemError(
          .locked, "process \(other) watches this already: end it, or watch into another folder (--out)")
      }
      if let pagePort {
        let page = try WatchPage(
          port: pagePort, workspace: session.workspace, program: request.program, clock: clock)
        self.page = page
        sink.receive(.diagnostic(Diagnostic("watch.page", .note, "see \(page.address)")))
        sink = EventFanout(sinks + [page])
      }
      while true {
        let ending = try watchOnce()
        if case .reconfigured = ending { continue }
        return leave(ending)
      }
    } catch {
      return leave(.failed(error))
    }
  }

  /// Opens the socket, unless another watch has it.
  ///
  /// - Returns: the process that watches the same.
  private func beginServing() throws(SystemError) -> Int32? {
    let state = session.workspace.stateFolder
    try StateFolder(path: state).make()
    let identity = session.identity(of: request)
    var listener: LocalListener?
    if let other = WatchClient(stateFolder: state, identity: identity).inquire() {
      if other.isSame { return other.process }
      sink.receive(
        .diagnostic(
          Diagnostic("watch.unserved", .note, "process \(other.process) answers builds here; this watch does not")))
    } else {
      do throws(SystemError) {
        listener = try LocalListener(inFolder: state, name: WatchServer.socketName)
      } catch {
        sink.receive(.diagnostic(Diagnostic("watch.unserved", .note, "\(error.message); no build is answered")))
      }
    }
    let (control, interruption) = (control, interruption)
    let server = WatchServer(identity: identity, request: { control.request() }) {
      control.end(.unheard)
      interruption.interrupt()
    }
    server.open(listener)
    self.server = server
    return nil
  }

  private func leave(_ ending: WatchEnding) -> Int32 {
    server?.close()
    page?.close()
    hooks.end()
    trace?.finish()
    // The shell's prompt goes where the living line was.
    progress?.clearStatus()
    switch ending {
    case .signal(let number): return 128 + number
    case .unheard: return 128 + SIGHUP
    case .failed(let error):
      sink.receive(.diagnostic(Diagnostic(Diagnostic.ID("system.\(error.code)"), error.message)))
      return error.exitStatus.rawValue
    case .reconfigured: return ExitStatus.done.rawValue
    }
  }

  /// Watches with one configuration.
  private func watchOnce() throws(SystemError) -> WatchEnding {
    let workspace = session.workspace
    try StateFolder(path: workspace.stateFolder).make()
    let roots = workspace.rootFolders + [session.outputFolder, "/"]
    let watcher = try InotifyWatcher(roots: roots, isDeaf: isPolling)
    let map = WatchMap(watcher: watcher, roots: roots)
    let outside = LinuxFileSystem(roots: roots, stateFolder: workspace.stateFolder)
    let ear = WatchEar(watcher: watcher, map: map, fileSystem: outside)
    map.willAlwaysRead(Path(ByteString(workspace.configurationName)))
    map.guardAgainstLoss(of: Path(".reflow"))
    let hostRoot = RootID(index: UInt16(roots.count - 1))
    session.willReadProgram = { path in
      let isAbsolute = path.bytes.first == UInt8(ascii: "/")
      map.willRead([isAbsolute ? Path(root: hostRoot, ByteString(bytes: Array(path.bytes.dropFirst()))) : Path(path)])
    }
    let doors = WatchDoors(session, request, map: map, clock: clock)
    let host = WatchRounds(self, doors, map)
    let loop = WatchLoop(ear: ear, map: map, fileSystem: outside, clock: clock, host: host) { outside.roots.reopen() }
    control.attend(ear)
    defer { doors.close() }
    return loop.run()
  }

  // MARK: A round

  fileprivate func perform(_ round: WatchRound, _ doors: WatchDoors) throws(SystemError) -> WatchRoundEnd {
    announce(round)
    if round.changes.paths.contains(Path(".reflow")) {
      // The socket has gone with it.
      server?.close()
      _ = try beginServing()
    }
    let configuration = Path(ByteString(session.workspace.configurationName))
    if round.changes.paths.contains(configuration) || !round.changes.isWhole {
      let (settings, digest, diagnostics) = try session.workspace.parseConfiguration()
      guard diagnostics.isEmpty else { return .finished(refuse(diagnostics, round)) }
      if session.workspace.configurationDigest != digest {
        session.workspace.configurationDigest = digest
        server?.setIdentity(session.identity(of: request))
      }
      if settings != session.workspace.settings {
        session.workspace.settings = settings
        return .reconfigured
      }
    }
    let roundSink = RoundSink(sink, of: round, lastSayings: sayings)
    let sink: any EventSink =
      round.isAnswer ? EventFanout([roundSink, server?.sink(round.feed)].compactMap { $0 }) : roundSink
    let summary = doors.update(round, interruption: interruption, sink: sink)
    sayings = roundSink.sayings
    wasHeard = roundSink.wasHeard
    return .finished(summary)
  }

  private func announce(_ round: WatchRound) {
    guard round.isAnnounced, !round.changes.paths.isEmpty else { return }
    let shown = 5
    let paths = round.changes.paths.prefix(shown).map(display)
    sink.receive(.changed(paths: paths, others: round.changes.paths.count - paths.count))
  }

  /// As people know it: relative to the workspace, else absolute.
  private func display(_ path: Path) -> ByteString {
    if path.root == .workspace { return path.bytes.isEmpty ? "." : path.bytes }
    let roots = session.workspace.rootFolders + [session.outputFolder, ""]
    let folder = roots[Int(path.root.index)]
    let whole = path.bytes.isEmpty ? folder : folder + "/" + path.bytes
    let workspace = session.workspace.root + "/"
    let isInside = whole.bytes.starts(with: workspace.bytes)
    return isInside ? ByteString(bytes: Array(whole.bytes.dropFirst(workspace.count))) : whole
  }

  /// A configuration that is wrong: nothing is built with the old one, since it is not what the user wants.
  private func refuse(_ diagnostics: [Diagnostic], _ round: WatchRound) -> BuildEvent.Summary {
    // Who asked had a configuration that was right: let him build.
    if round.isAnswer { server?.dismiss() }
    sink.receive(.buildStarted(program: request.program))
    for diagnostic in diagnostics { sink.receive(.diagnostic(diagnostic)) }
    let summary = BuildEvent.Summary(status: .invalid, steps: 0, run: 0, cached: 0, failed: 0, seconds: 0)
    sink.receive(.buildFinished(summary))
    wasHeard = true
    return summary
  }

  /// Says that all is done, and starts the hook.
  fileprivate func rest(_ summary: BuildEvent.Summary?, _ map: WatchMap) {
    if let summary, wasHeard, let failure = hooks.start(after: summary) {
      sink.receive(.diagnostic(Diagnostic("watch.hook", .warning, failure)))
    }
    sink.receive(.watching(folders: map.folderCount))
  }
}

/// The rounds of a watch with one configuration.
private final class WatchRounds: WatchHost {
  private let session: WatchSession
  private let doors: WatchDoors
  private let map: WatchMap

  init(_ session: WatchSession, _ doors: WatchDoors, _ map: WatchMap) {
    self.session = session
    self.doors = doors
    self.map = map
  }

  func perform(_ round: WatchRound) throws(SystemError) -> WatchRoundEnd { try session.perform(round, doors) }
  func rest(after summary: BuildEvent.Summary?) { session.rest(summary, map) }
  func settle() -> Double? { doors.settle() }
  func gatherRequests() { session.server?.gather() }
  func dismissRequests() { session.server?.dismiss() }
}

/// Ends a watch from a thread of signals.
final class WatchControl: Sendable {
  private let state = Mutex<(ear: WatchEar?, ending: WatchEnding?)>((nil, nil))

  func end(_ ending: WatchEnding) {
    let ear = state.withLock { state in
      state.ending = state.ending ?? ending
      return state.ear
    }
    ear?.post(.ended(ending))
  }

  func request() { state.withLock { $0.ear }?.post(.request) }

  /// Who is to be told.
  func attend(_ ear: WatchEar) {
    let ending = state.withLock { state in
      state.ear = ear
      return state.ending
    }
    if let ending { ear.post(.ended(ending)) }
  }
}
