import BuildGraph
import Ports
@preconcurrency import Glibc

/// The user's commands after a round. One runs at a time, in a process group of its own, so that all of it can be ended.
final class Hooks {
  private let onSuccess: String?
  private let onFailure: String?
  private let places: [(name: String, value: String)]
  private var running: pid_t?

  init(onSuccess: String?, onFailure: String?, session: Session) {
    self.onSuccess = onSuccess
    self.onFailure = onFailure
    places = [
      ("REFLOW_ROOT", session.workspace.root.display), ("REFLOW_OUT", session.outputFolder.display),
    ]
  }

  /// Ends the hook of the round before, if it still runs, and starts this round's.
  ///
  /// - Returns: a message where it could not be started.
  func start(after summary: BuildEvent.Summary) -> String? {
    end()
    let command: String?
    switch summary.status {
    case .succeeded: command = onSuccess
    case .failed, .invalid, .refused: command = onFailure
    case .interrupted, .overtaken: command = nil
    }
    guard let command else { return nil }
    let counts = [
      ("REFLOW_STATUS", summary.status.rawValue), ("REFLOW_STEPS", "\(summary.steps)"),
      ("REFLOW_RUN", "\(summary.run)"), ("REFLOW_UNCHANGED", "\(summary.cached)"),
      ("REFLOW_FAILED", "\(summary.failed)"),
    ]
    let failure = spawn(command, adding: places + counts)
    return failure == 0 ? nil : "cannot start the hook: \(String(cString: strerror(failure)))"
  }

  private func spawn(_ command: String, adding variables: [(name: String, value: String)]) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    posix_spawnattr_setpgroup(&attributes, 0)
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    // The watch itself ignores a pipe without a reader.
    for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    var environment: [String] = []
    var entry = Glibc.environ
    while let text = entry.pointee {
      let pair = String(cString: text)
      if !variables.contains(where: { pair.hasPrefix($0.name + "=") }) { environment.append(pair) }
      entry = entry.advanced(by: 1)
    }
    environment += variables.map { "\($0.name)=\($0.value)" }
    var words: [UnsafeMutablePointer<CChar>?] = (["sh", "-c", command] as [String]).map { strdup($0) }
    words.append(nil)
    var settings: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
    settings.append(nil)
    defer { for pointer in words + settings { free(pointer) } }
    var child = pid_t()
    let failure = posix_spawn(&child, "/bin/sh", &actions, &attributes, &words, &settings)
    if failure == 0 { running = child }
    return failure
  }

  /// Ends a hook that still runs: asked first, then killed, a fifth of a second later.
  func end() {
    guard let child = running else { return }
    running = nil
    if waitpid(child, nil, WNOHANG) == child {
      // What it left in the background goes with it.
      kill(-child, SIGTERM)
      return
    }
    kill(-child, SIGTERM)
    for _ in 0..<40 {
      if waitpid(child, nil, WNOHANG) == child {
        kill(-child, SIGKILL)
        return
      }
      usleep(5000)
    }
    kill(-child, SIGKILL)
    waitpid(child, nil, 0)
  }
}
