package import BuildGraph
package import Diagnostics

/// The time, for records and messages; decisions never depend on it.
package protocol Clock: Sendable {
  /// Seconds since 1970.
  var now: Double { get }
  /// Seconds on a clock that never goes back.
  var monotonic: Double { get }
}

/// One process at a time changes the state.
package protocol StateLock: AnyObject {
  /// Waits until the lock is ours; calls `waiting` once, with who holds it, if it has to wait.
  ///
  /// - Throws: `notPermitted`, `noSpace`, `unsupported`.
  func acquire(waiting: (_ holder: String) -> Void) throws(SystemError)
  /// Takes the lock if nobody has it.
  ///
  /// - Returns: whether it is ours now.
  /// - Throws: as ``acquire(waiting:)`` does.
  func tryToAcquire() throws(SystemError) -> Bool
  func release()
}

/// Where the events of a build go: the terminal, `--events`, `--trace`.
package protocol EventSink: AnyObject {
  func receive(_ event: BuildEvent)
  /// Time goes by while steps run: called some times a second, for those who show it. Who wraps a sink hands it on.
  func tick()
}

/// Something that happened in a build, for people and machines. The names are stable (`--events`).
package enum BuildEvent: Sendable {
  package enum StepStatus: String, Hashable, Sendable { case run, cached, failed, cancelled }
  package enum BuildStatus: String, Hashable, Sendable {
    case succeeded
    /// A step failed.
    case failed
    /// The program or its arguments are wrong.
    case invalid
    /// The state or the file system refused.
    case refused
    case interrupted
    /// A change made it void before its end; a watch begins the next one at once.
    case overtaken
  }

  package struct Summary: Hashable, Sendable {
    package var status: BuildStatus
    package var steps: Int
    package var run: Int
    package var cached: Int
    package var failed: Int
    package var seconds: Double

    package init(status: BuildStatus, steps: Int, run: Int, cached: Int, failed: Int, seconds: Double) {
      self.status = status
      self.steps = steps
      self.run = run
      self.cached = cached
      self.failed = failed
      self.seconds = seconds
    }
  }

  package struct StepEnd: Sendable {
    package var step: String
    package var label: String
    package var status: StepStatus
    package var usage: RunOutcome.Usage?
    package var exitCode: Int32?
    /// For failures: what happened, and the last lines of the log.
    package var message: String?
    package var logTail: ByteString

    package init(
      step: String, label: String, status: StepStatus, usage: RunOutcome.Usage? = nil, exitCode: Int32? = nil,
      message: String? = nil, logTail: ByteString = ""
    ) {
      self.step = step
      self.label = label
      self.status = status
      self.usage = usage
      self.exitCode = exitCode
      self.message = message
      self.logTail = logTail
    }
  }

  /// What a build does to a path of the output tree.
  package enum OutputChange: String, Hashable, Sendable, CaseIterable {
    /// Nothing lies there.
    case write
    /// What lies there was made by Reflow, and of something else: of another state of the inputs, or with other parameters.
    case replace
    /// Somebody edited what lies there; it is kept aside.
    case restore
    /// The program does not make it any more.
    case remove
  }

  case buildStarted(program: String)
  /// How many steps the build has found so far; grows while a dynamic program is evaluated.
  case planned(steps: Int)
  /// About once a second while steps run and enough is known of their kinds: how long it will go on, and how many steps that are.
  case remaining(seconds: Double, steps: Int)
  case stepStarted(step: String, label: String, reason: String)
  case stepFinished(StepEnd)
  /// A step that a dry run found stale, and why.
  case wouldRun(step: String, label: String, reason: String)
  /// What a dry run found out of place in the output tree, where it is known what belongs there.
  case wouldPublish(path: ByteString, OutputChange)
  /// For `--explain`: what a step's key was made of, line by line as it was hashed.
  case explained(step: String, label: String, lines: [String])
  case outputWritten(path: ByteString)
  case outputRemoved(path: ByteString)
  case outputDisplaced(path: ByteString, to: ByteString)
  case diagnostic(Diagnostic)
  /// A line that the program printed (`trace`) or a value of `Main` that is no file.
  case printed(String)
  case buildFinished(Summary)
  /// A watch begins a round because of these; the first few, relative to their roots.
  case changed(paths: [ByteString], others: Int)
  /// A watch has nothing to do and waits for changes.
  case watching(folders: Int)
}
