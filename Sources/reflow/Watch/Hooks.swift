import BuildGraph
import CLinux
import Ports
@preconcurrency import Glibc

/// The user's commands after a round. One runs at a time, in a process group of its own, so that all of it can be ended; it ends with the
/// watch, even where that is killed.
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
    let child = reflow_start_hook("/bin/sh", words, settings)
    if child > 0 { running = child }
    return child > 0 ? 0 : -child
  }

  /// Ends a hook that still runs: asked first, then killed, a fifth of a second later.
  func end() {
    guard let child = running else { return }
    running = nil
    kill(child, SIGTERM)
    while waitpid(child, nil, 0) < 0, errno == EINTR {}
  }
}
