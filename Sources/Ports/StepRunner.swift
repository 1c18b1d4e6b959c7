package import BuildGraph
package import Diagnostics

/// Whether a step sees only what it declares.
package enum SandboxMode: String, Hashable, Sendable, CaseIterable {
  /// Namespaces where the kernel allows them; else relative links and a check after the step, with one warning a build.
  case auto
  /// Namespaces or an error.
  case strict
  case off
}

/// A number that names one run of one step, never used again; also the name of its folder and its log.
package struct RunID: Hashable, Comparable, Sendable {
  package let number: Int64
  package init(number: Int64) { self.number = number }
  package static func < (a: Self, b: Self) -> Bool { a.number < b.number }
}

/// Everything that running a step takes. Staged paths are relative to the working directory and the same in every run.
package struct RunRequest: Hashable, Sendable {
  package enum Command: Hashable, Sendable {
    /// Executed as it is: the template had no syntax that a shell must read.
    case direct(DirectCommand)
    /// `bash -e -o pipefail -c SCRIPT`, without profiles.
    case shell(ByteString)
    /// Not a command: the table, from the inputs in the order of the step's, into the one output.
    case table(TableStep)
  }

  /// Where the content of an input lies.
  package enum Origin: Hashable, Sendable {
    case source(Path)
    /// An object, by its artifact; a folder is materialised from its manifest.
    case object(Artifact)
    /// A folder that the program put together: a view of its members.
    case view([ViewMember])
  }

  package struct ViewMember: Hashable, Sendable {
    package var path: ByteString
    package var origin: Origin

    package init(path: ByteString, origin: Origin) {
      self.path = path
      self.origin = origin
    }
  }

  package struct Input: Hashable, Sendable {
    /// `in/SLOT/NAME`
    package var stagedPath: ByteString
    package var kind: ArtifactKind
    package var origin: Origin
    /// Of a file that others may be adding to: only so many bytes of it are meant. Nil where all are.
    package var grownTo: Int64?

    package init(stagedPath: ByteString, kind: ArtifactKind, origin: Origin) {
      self.stagedPath = stagedPath
      self.kind = kind
      self.origin = origin
    }
  }

  package struct Output: Hashable, Sendable {
    /// `out/LABEL`
    package var stagedPath: ByteString
    package var kind: ArtifactKind
    package var isMentioned: Bool

    package init(stagedPath: ByteString, kind: ArtifactKind, isMentioned: Bool) {
      self.stagedPath = stagedPath
      self.kind = kind
      self.isMentioned = isMentioned
    }
  }

  package var run: RunID
  package var command: Command
  package var inputs: [Input]
  package var outputs: [Output]
  package var image: ByteString?
  /// Beyond the fixed small environment.
  package var environment: [Exec.Variable]
  package var network: Bool
  package var timeoutSeconds: Double?
  package var depfile: ByteString?
  package var resources: Resources
  package var sandbox: SandboxMode
  /// Bytes of log that are kept; what comes after is dropped and counted.
  package var logLimitBytes: Int64
  /// The pool that was chosen.
  package var pool = "local"
  /// Names the work: what was made of an equal request with an equal key is as good. Nil where nothing is as good as running it.
  package var key: Digest?
  /// Bytes beyond which it may be ended; nil where nobody said. What it is expected to take is in `resources`.
  package var memoryLimit: Int64?
  /// Nil where its kind never ran.
  package var expectedSeconds: Double?
  /// Seconds of the longest chain that waits for it.
  package var rank = 0.0
  /// What people call the step.
  package var label = ""
  /// When what it reads of the user's files changed last, in nanoseconds on the clock of their file system.
  package var inputsChangedAt: Int64 = 0
  /// Of a table: others that are made from the same inputs, for whoever makes them together.
  package var companions: [TablePlan] = []
  /// Of a table: what the files of its sources hold, as the build has seen them.
  package var sourceDigests: [Path: Digest] = [:]

  package init(
    run: RunID, command: Command, inputs: [Input], outputs: [Output], image: ByteString? = nil,
    environment: [Exec.Variable] = [], network: Bool = false, timeoutSeconds: Double? = nil,
    depfile: ByteString? = nil, resources: Resources = Resources(), sandbox: SandboxMode = .auto,
    logLimitBytes: Int64 = 64 << 20
  ) {
    self.run = run
    self.command = command
    self.inputs = inputs
    self.outputs = outputs
    self.image = image
    self.environment = environment
    self.network = network
    self.timeoutSeconds = timeoutSeconds
    self.depfile = depfile
    self.resources = resources
    self.sandbox = sandbox
    self.logLimitBytes = logLimitBytes
  }
}

/// How a run ended. Failure is a value.
package struct RunOutcome: Hashable, Sendable {
  package enum Ending: Hashable, Sendable {
    case exited(Int32)
    case signaled(Int32)
    case timedOut
    case cancelled
    /// It never ran, or what it left cannot be used: no such command, a missing or special output, an undeclared read.
    case refused(message: String)
  }

  /// Which measure the peak memory is.
  package enum MemoryMeasure: UInt8, Hashable, Sendable {
    case processMaximum, cgroup, sampled
    /// Of a table, which shares its process with others: what it held by count.
    case counted
  }

  package struct Usage: Hashable, Sendable {
    package var wallSeconds: Double
    package var cpuSeconds: Double
    package var peakMemoryBytes: Int64
    package var memoryMeasure: MemoryMeasure

    package init(wallSeconds: Double, cpuSeconds: Double, peakMemoryBytes: Int64, memoryMeasure: MemoryMeasure) {
      self.wallSeconds = wallSeconds
      self.cpuSeconds = cpuSeconds
      self.peakMemoryBytes = peakMemoryBytes
      self.memoryMeasure = memoryMeasure
    }

    /// Of what never ran, or of which nobody has measured anything.
    package static let none = Usage(
      wallSeconds: 0, cpuSeconds: 0, peakMemoryBytes: 0, memoryMeasure: .processMaximum)
  }

  /// A failure that says nothing of the command.
  package enum Setback: Hashable, Sendable {
    /// The kernel or its limit ended it for want of memory.
    case outOfMemory
    /// Where it ran is gone.
    case lostWorker(message: String)
  }

  package var ending: Ending
  package var setback: Setback?
  package var usage: Usage
  /// Of the declared outputs, in order, once they are objects; empty unless it exited with 0.
  package var outputs: [Artifact]
  package var isSandboxed: Bool
  /// Paths that the command made and did not declare, relative to its working directory; the first few.
  package var undeclaredOutputs: [ByteString]
  /// The bytes of the depfile, where one was asked for and made.
  package var depfile: [UInt8]?
  /// The last lines of the log, for messages.
  package var logTail: ByteString
  /// What people should know though the step succeeded; said once a build, however many steps remark it.
  package var remarks: [Diagnostic] = []
  /// The node of a cluster that it ran on; nil on this machine.
  package var node: String?
  /// What went through the plan of a table, for people; nil for other steps.
  package var plan: String?

  package init(
    ending: Ending, usage: Usage, outputs: [Artifact] = [], isSandboxed: Bool, undeclaredOutputs: [ByteString] = [],
    depfile: [UInt8]? = nil, logTail: ByteString = ""
  ) {
    self.ending = ending
    self.usage = usage
    self.outputs = outputs
    self.isSandboxed = isSandboxed
    self.undeclaredOutputs = undeclaredOutputs
    self.depfile = depfile
    self.logTail = logTail
  }
}

/// Runs steps: stages inputs, starts the command, waits, collects the outputs into the object store, sweeps.
///
/// Callable from any thread; each call of `run` blocks its thread until the step has ended.
package protocol StepRunner: Sendable {
  /// - Parameter succeeded: Called at most once, from the thread of the call, as soon as no process of the step is left and it is seen to
  ///   have made its outputs: what is still to be done for it (these become objects) takes none of the room that it had, and another may
  ///   begin. After a failure it is not called, as then none may. Who cannot tell never calls it.
  /// - Throws: only what no other step could survive either (the spawner died, the disk is full).
  func run(_ request: RunRequest, succeeded: () -> Void) throws(SystemError) -> RunOutcome

  /// Ends a run that another thread waits for, with all its processes; it returns `.cancelled`. Idempotent.
  func cancel(_ run: RunID)

  /// Ends all runs.
  func cancelAll()
}

extension StepRunner {
  package func run(_ request: RunRequest) throws(SystemError) -> RunOutcome { try run(request, succeeded: {}) }
}
