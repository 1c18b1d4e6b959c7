import BuildGraph
import CLinux
import Diagnostics
import Glibc
import Ports

/// One run of one step, from its plan to the swept folder.
struct StepJob {
  let runner: LinuxStepRunner
  let request: RunRequest
  let inputs: StepInputs
  let worker: Worker
  let container: ContainerCommand?

  private var isSandboxed: Bool { worker.kind != .plain || container != nil }

  /// What its processes may have together; of a container that is the runtime's business.
  private var memoryLimit: Int64? { container == nil ? request.memoryLimit : nil }

  /// What the command sees as its working directory.
  private var workFolder: ByteString { isSandboxed ? SandboxLayout.workFolder : worker.folder.path }

  /// A single argument of a process may have 131,072 bytes at most, its zero included.
  private static let argumentLimit = 131_071

  // MARK: Running

  struct Ended {
    var report: Worker.Report
    var outcome: RunOutcome
  }

  /// Starts the command, waits, and collects what it made.
  ///
  /// - Parameters:
  ///   - started: Called once the worker can be told to end the command.
  ///   - succeeded: Called once none of its processes is left and its outputs are there, before they are moved into the store.
  func perform(started: () -> Void, succeeded: () -> Void) throws(SystemError) -> Ended {
    for output in request.outputs where output.kind == .folder {
      let failure = makeFolderAt(worker.folder.descriptor, output.stagedPath)
      if failure != 0 { throw systemError(failure, "make", worker.folder.path + "/" + output.stagedPath) }
    }
    if let memoryLimit { worker.group?.limit(memoryLimit) }
    guard var report = try start(request.command, started) else {
      return Ended(report: Self.nothing, outcome: .refused("its command holds a zero byte, which no argument can"))
    }
    var lacks: ByteString?
    if case .direct(let command) = request.command, report.ending == REFLOW_ENDED_NOT_STARTED,
      report.figures.status != E2BIG
    {
      // bash knows what else to do, or says in its own words what is wrong.
      if report.figures.status == ENOENT { lacks = command.words.first }
      report = try start(.shell(command.script), started) ?? report
    }
    if let container, report.ending == REFLOW_ENDED_TIMEOUT || report.ending == REFLOW_ENDED_CANCEL { end(container) }
    var outcome = try outcome(of: report, succeeded)
    if let lacks, outcome.ending == .exited(127) { outcome.ending = .refused(message: absent(lacks)) }
    // A step without a limit was in no group. The group counts those that the kernel killed for the whole machine's want as well. After
    // a success it is asked so that a child that was killed, and missed by nobody, is not counted against the next step.
    let group = memoryLimit == nil ? nil : worker.group
    let hasKilled = group?.hasKilled() ?? false
    if !outcome.hasSucceeded, outcome.setback == nil {
      if group != nil {
        if hasKilled { outcome.setback = .outOfMemory }
      } else if hasDied(report), container != nil || runner.kernelHasKilledForMemory() {
        outcome.setback = .outOfMemory
      }
    }
    return Ended(report: report, outcome: outcome)
  }

  /// Whether it, or the last of its processes that it waited for, was killed from outside.
  private func hasDied(_ report: Worker.Report) -> Bool {
    switch report.ending {
    case REFLOW_ENDED_SIGNAL: report.figures.status == SIGKILL
    case REFLOW_ENDED_EXIT: report.figures.status == 128 + SIGKILL
    default: false
    }
  }

  private static let nothing = Worker.Report(figures: reflow_report(), message: "", logTail: "")

  /// - Returns: nil where a text holds a zero byte.
  private func start(_ command: RunRequest.Command, _ started: () -> Void) throws(SystemError) -> Worker.Report? {
    var plan = RequestBytes()
    try append(command, to: &plan)
    return plan.hasZero ? nil : try worker.perform(REFLOW_FRAME_RUN, plan.bytes, sent: started)
  }

  private func arguments(of command: RunRequest.Command) throws(SystemError) -> [ByteString] {
    switch command {
    case .direct(let command): return command.words
    case .shell(let script):
      let shell: [ByteString] = ["/bin/bash", "-e", "-o", "pipefail"]
      if script.count < Self.argumentLimit { return shell + ["-c", script] }
      let path: ByteString = "tmp/command"
      let opened = openAt(worker.folder.descriptor, path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
      guard opened >= 0 else { throw systemError(-opened, "write the command of a step") }
      defer { close(opened) }
      var rest = script.bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(opened, $0.baseAddress, $0.count) }
        if count < 0, errno != EINTR { throw systemError(errno, "write the command of a step") }
        rest = rest.dropFirst(max(0, count))
      }
      return shell + [path]
    // A table runs no process; whoever evaluates tables takes them before they come here.
    case .table: return []
    }
  }

  /// The variables that every command sees, then the step's own, which win.
  private var environment: [(name: ByteString, value: ByteString)] {
    let fixed: [(name: ByteString, value: ByteString)] = [
      ("PATH", runner.searchPath), ("HOME", workFolder + "/tmp"), ("TMPDIR", workFolder + "/tmp"), ("LANG", "C.UTF-8"),
      ("LC_ALL", "C.UTF-8"), ("TZ", "UTC"),
    ]
    let own = request.environment.map { (name: $0.name, value: $0.value) }
    return fixed.filter { variable in !own.contains { $0.name == variable.name } } + own
  }

  private func append(_ command: RunRequest.Command, to plan: inout RequestBytes) throws(SystemError) {
    var words = try arguments(of: command)
    var variables = environment
    var direct: DirectCommand?
    if case .direct(let command) = command {
      direct = command
      // What bash adds. It becomes the command, or starts it where it has files to open.
      let depth: ByteString = command.input == nil && command.output == nil ? "0" : "1"
      variables += [("PWD", workFolder), ("SHLVL", depth)]
    }
    if let container {
      // An image has its own PATH.
      variables.removeAll { variable in
        variable.name == "PATH" && !request.environment.contains { $0.name == "PATH" }
      }
      words = container.arguments(
        work: worker.folder.path, mounts: try mountPoints(), environment: variables, network: request.network,
        command: words)
      variables = Self.environmentOfCaller
    }
    let timeout = request.timeoutSeconds.map { max(1, min($0 * 1000, 1e15)) } ?? 0
    plan.append(
      reflow_plan(
        timeout_ms: Int64(timeout), log_limit: request.logLimitBytes,
        memory_limit: memoryLimit ?? 0, argument_count: UInt32(words.count),
        variable_count: UInt32(variables.count),
        stage_count: container == nil ? UInt32(inputs.entries.count) : 0, is_direct: direct == nil ? 0 : 1))
    plan.append(text: worker.kind == .plain ? worker.folder.path : SandboxLayout.workFolder)
    plan.append(text: logPath)
    plan.append(text: variables.first { $0.name == "PATH" }?.value ?? runner.searchPath)
    plan.append(text: direct?.input ?? "")
    plan.append(text: direct?.output ?? "")
    for word in words { plan.append(text: word) }
    for variable in variables { plan.append(text: variable.name + "=" + variable.value) }
    if container == nil { inputs.append(to: &plan, for: worker) }
  }

  private var logPath: ByteString {
    // Where the worker sees it: workers in a box know folders by their paths without links, as run folders are named.
    worker.folder.path.parent.parent + ByteString("/logs/\(request.run.number).log")
  }

  // MARK: What became of it

  private func outcome(of report: Worker.Report, _ succeeded: () -> Void) throws(SystemError) -> RunOutcome {
    let figures = report.figures
    var outcome = RunOutcome(
      ending: .cancelled,
      usage: .init(
        wallSeconds: Double(figures.wall_ns) / 1e9, cpuSeconds: Double(figures.cpu_ns) / 1e9,
        peakMemoryBytes: figures.peak_bytes,
        memoryMeasure: figures.is_sampled == 0 ? .processMaximum : .sampled),
      isSandboxed: isSandboxed, logTail: Self.lastLines(report.logTail))
    switch report.ending {
    case REFLOW_ENDED_CANCEL: outcome.ending = .cancelled
    case REFLOW_ENDED_TIMEOUT: outcome.ending = .timedOut
    case REFLOW_ENDED_MEMORY:
      outcome.ending = .signaled(SIGKILL)
      outcome.setback = .outOfMemory
    case REFLOW_ENDED_SIGNAL: outcome.ending = .signaled(figures.status)
    case REFLOW_ENDED_NOT_STARTED: outcome.ending = .refused(message: notStarted(figures.status))
    case REFLOW_ENDED_NOT_STAGED where figures.status == ENOSPC && worker.kind != .plain:
      // What is short is mounts, not space: the stage lies in memory.
      outcome.ending = .refused(
        message: "it has more inputs than a sandbox can show; raise `sysctl fs.mount-max`, or give it a folder of them")
    case REFLOW_ENDED_NOT_STAGED:
      let failure = systemError(figures.status, "show the step its input", "in/" + report.message)
      if failure.isForEveryStep { throw failure }
      outcome.ending = .refused(message: failure.message)
    case REFLOW_ENDED_NO_PROCESS: throw systemError(figures.status, "start a process")
    case REFLOW_ENDED_EXIT where figures.status == 0:
      if figures.left_running > 0 {
        outcome.ending = .refused(
          message:
            "it ended and left \(figures.left_running == 1 ? "a process" : "\(figures.left_running) processes") running "
            + "(\(report.message.display)), ended now: what these would still have written is lost; let the command wait for "
            + "them (`wait`)")
      } else {
        try collect(into: &outcome, succeeded)
      }
    case REFLOW_ENDED_EXIT:
      outcome.ending = .exited(figures.status)
      if figures.status == 127, let hint = hintAfter127(outcome.logTail) { outcome.ending = .refused(message: hint) }
    default:
      throw SystemError(.other, "a process that runs steps gave an answer that makes no sense; build again")
    }
    return outcome
  }

  private func notStarted(_ number: Int32) -> String {
    if number == E2BIG {
      return "its command line is longer than this system allows; write the arguments to a file and name that"
    }
    return systemError(number, "start", "/bin/bash").message
  }

  private func absent(_ name: ByteString) -> String {
    if let folder = isSandboxed ? runner.hiddenFolder(withCommand: name) : nil { return Self.hidden(name, in: folder) }
    return
      "there is no command '\(name.display)' in \(runner.searchPath.display) (exit status 127); install it, or name its "
      + "folder in `sandbox.readable` of reflow.toml"
  }

  private static func hidden(_ name: ByteString, in folder: ByteString) -> String {
    let shown = folder.bytes.suffix(4) == ArraySlice("/bin".utf8) ? folder.parent : folder
    return "the command '\(name.display)' is in '\(folder.display)', which steps do not see (exit status 127); add "
      + "'\(shown.display)' to `sandbox.readable` in reflow.toml"
  }

  /// bash says `bash: line 1: NAME: command not found`.
  private func hintAfter127(_ log: ByteString) -> String? {
    for line in log.bytes.split(separator: UInt8(ascii: "\n")).reversed() {
      let parts = ByteString(bytes: Array(line)).display.split(separator: ":").map { $0.drop { $0 == " " } }
      guard parts.count >= 2, parts.last == "command not found" else { continue }
      let name = ByteString(parts[parts.count - 2])
      return runner.hiddenFolder(withCommand: name).map { Self.hidden(name, in: $0) }
    }
    return nil
  }

  /// The end of a log, from the beginning of a line where the whole does not fit.
  private static func lastLines(_ tail: ByteString) -> ByteString {
    let limit = 4096
    guard tail.count > limit else { return tail }
    let end = tail.bytes.suffix(limit)
    return ByteString(bytes: Array(end.firstIndex(of: UInt8(ascii: "\n")).map { end[($0 + 1)...] } ?? end))
  }

  // MARK: Sweeping

  /// Empties the run folder. Says whether the worker may go on.
  func finish(_ result: Result<Ended, SystemError>) throws(SystemError) -> (
    Result<RunOutcome, SystemError>, isClean: Bool
  ) {
    let folder = worker.folder
    var hasSucceeded = false
    if case .success(let ended) = result, case .exited(0) = ended.outcome.ending { hasSucceeded = true }
    let wasFull = !hasSucceeded && folder.isDiskFull
    var declared = request.outputs.map(\.stagedPath)
    if let depfile = request.depfile { declared.append(depfile) }
    var isStageDirty = container != nil
    if case .success(let ended) = result { isStageDirty = isStageDirty || ended.report.figures.stage_dirty != 0 }
    if case .failure = result { isStageDirty = true }
    let remains = folder.sweep(declared: declared, isStageDirty: isStageDirty && worker.kind == .plain)
    let isBoxIntact = worker.kind == .plain || !isStageDirty
    switch result {
    case .failure(let error): return (.failure(error), false)
    case .success(let ended):
      var outcome = ended.outcome
      if container == nil { outcome.undeclaredOutputs = Array(remains.undeclared.prefix(20)) }
      let logFull = ended.report.figures.log_errno
      // The log is what filled it: most of it must go, or nothing could be said or done any more.
      if logFull == ENOSPC || logFull == EDQUOT { _ = logPath.withCString { truncate($0, 64 << 10) } }
      if wasFull || logFull == ENOSPC || logFull == EDQUOT {
        let message =
          "the disk that holds '\(runner.configuration.stateFolder.display)' was full while it ran; free some space"
        if folder.isDiskFull { return (.failure(SystemError(.noSpace, message, errno: ENOSPC)), remains.isClean) }
        outcome.ending = .refused(message: message)
        outcome.outputs = []
      } else if logFull != 0 {
        return (.failure(systemError(logFull, "write the log", logPath)), remains.isClean)
      }
      // An input that could not be shown may be the box's fault: one that was mounted before the input's folder was.
      let isStaged = ended.report.ending != REFLOW_ENDED_NOT_STAGED
      return (.success(outcome), remains.isClean && isBoxIntact && isStaged)
    }
  }

  // MARK: Containers

  /// Makes the files and folders that the runtime mounts inputs on: made by it, they might be another user's.
  private func mountPoints() throws(SystemError) -> [(host: ByteString, inside: ByteString)] {
    var mounts: [(host: ByteString, inside: ByteString)] = []
    for entry in inputs.entries {
      let failure: Int32
      switch entry {
      case .folder(let path): failure = makeFolderAt(worker.folder.descriptor, "in/" + path)
      case .place(let host, let path, let isFolder):
        guard !host.bytes.contains(UInt8(ascii: ":")) else {
          throw SystemError(.wrongKind, "'\(host.display)' cannot be mounted in a container: its path has a colon")
        }
        if isFolder {
          failure = makeFolderAt(worker.folder.descriptor, "in/" + path)
        } else {
          let opened = openAt(worker.folder.descriptor, "in/" + path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o444)
          if opened >= 0 { close(opened) }
          failure = opened < 0 ? -opened : 0
        }
        mounts.append((host, SandboxLayout.workFolder + "/in/" + path))
      }
      if failure != 0 { throw systemError(failure, "make a mount point for an input") }
    }
    return mounts
  }

  private static var environmentOfCaller: [(name: ByteString, value: ByteString)] {
    var result: [(name: ByteString, value: ByteString)] = []
    var at = Glibc.environ
    while let entry = at.pointee {
      let bytes = Array(UnsafeBufferPointer(start: entry, count: strlen(entry))).map { UInt8(bitPattern: $0) }
      if let equals = bytes.firstIndex(of: UInt8(ascii: "=")) {
        result.append((ByteString(bytes: Array(bytes[..<equals])), ByteString(bytes: Array(bytes[(equals + 1)...]))))
      }
      at += 1
    }
    return result
  }

  private func end(_ container: ContainerCommand) {
    guard let words = container.endArguments else { return }
    var plan = RequestBytes()
    let variables = Self.environmentOfCaller
    plan.append(
      reflow_plan(
        timeout_ms: 20_000, log_limit: 0, memory_limit: 0, argument_count: UInt32(words.count),
        variable_count: UInt32(variables.count),
        stage_count: 0, is_direct: 0))
    plan.append(text: worker.folder.path)
    plan.append(text: "/dev/null")
    for _ in ["PATH", "<", ">"] { plan.append(text: "") }
    for word in words { plan.append(text: word) }
    for variable in variables { plan.append(text: variable.name + "=" + variable.value) }
    // The container has most often ended with its client; then this finds nothing.
    _ = try? worker.perform(REFLOW_FRAME_RUN, plan.bytes)
  }
}
