import BuildGraph
package import Diagnostics
@preconcurrency import Glibc

/// What the controller says of one job.
struct JobState: Hashable, Sendable {
  enum Phase: Hashable, Sendable {
    /// - Parameter reason: why it waits, as the controller puts it.
    case pending(reason: String)
    case running
    /// Over, whatever it was: `COMPLETED`, `CANCELLED`, `NODE_FAIL`, `OUT_OF_MEMORY` …
    case over(state: String)
  }

  var id: String
  var name: String
  var phase: Phase
  var node: String

  /// Reasons that waiting does not mend: the partition, the account or the limits exclude such a job.
  static let hopeless: Set<String> = [
    "PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit", "BadConstraints", "AccountNotAllowed",
    "InvalidAccount", "InvalidQOS", "QOSNotAllowed", "QOSMaxCpuPerJobLimit", "QOSMaxMemoryPerJob",
    "QOSMaxCpuPerNode", "QOSMaxMemoryPerNode", "QOSMaxWallDurationPerJobLimit", "AssocMaxCpuPerJobLimit",
    "AssocMaxMemPerJob", "AssocMaxWallDurationPerJobLimit", "DependencyNeverSatisfied", "JobHeldAdmin",
  ]

  /// Reads `scontrol -o show job`: a line for each job, `Key=Value` words.
  static func parse(_ text: String) -> [JobState] {
    text.split(separator: "\n").compactMap { line in
      var fields: [Substring: Substring] = [:]
      for word in line.split(separator: " ") {
        guard let equals = word.firstIndex(of: "=") else { continue }
        let key = word[..<equals]
        if fields[key] == nil { fields[key] = word[word.index(after: equals)...] }
      }
      guard let id = fields["JobId"], let state = fields["JobState"] else { return nil }
      let phase: Phase
      switch state {
      case "PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "CONFIGURING":
        phase = .pending(reason: String(fields["Reason"] ?? ""))
      case "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING": phase = .running
      case _: phase = .over(state: String(state))
      }
      return JobState(
        id: String(id), name: String(fields["JobName"] ?? ""), phase: phase,
        node: String(fields["BatchHost"] ?? fields["NodeList"] ?? ""))
    }
  }
}

/// How to ask this cluster for something.
package struct ClusterOptions: Hashable, Sendable {
  package var partition: String?
  package var account: String?
  package var qos: String?
  /// As `sbatch --time` takes it.
  package var time: String?
  /// Further arguments of `sbatch`.
  package var arguments: [String]

  package init(
    partition: String? = nil, account: String? = nil, qos: String? = nil, time: String? = nil, arguments: [String] = []
  ) {
    self.partition = partition
    self.account = account
    self.qos = qos
    self.time = time
    self.arguments = arguments
  }
}

/// The commands of a Slurm installation. Each call blocks; the controller may be slow or away.
package struct Cluster: Sendable {
  package var options: ClusterOptions
  /// Seconds after which a command is ended that does not come back.
  package var commandSeconds: Double = 60
  /// Where the commands lie; on the caller's path where nothing is said.
  package var folder: String?

  package init(options: ClusterOptions) { self.options = options }

  /// The largest node that jobs can be sent to.
  package struct Size: Hashable, Sendable {
    package var cpu: Double
    package var memory: Int64
    package var nodes: Int
  }

  /// Asks what there is.
  ///
  /// - Throws: `unsupported` where there is no Slurm here or it does not answer.
  package func size() throws(SystemError) -> Size {
    var words = ["sinfo", "-h", "-N", "-o", "%N|%c|%m"]
    if let partition = options.partition { words += ["-p", partition] }
    let result = run(words)
    guard result.status == 0 else {
      throw SystemError(
        .unsupported,
        "cannot use Slurm: \(result.error.isEmpty ? "sinfo ended with \(result.status)" : Self.complaint(result.error)); "
          + "--executor=local runs steps on this machine")
    }
    let size = Self.size(from: result.output)
    guard size.nodes > 0 else {
      let place = options.partition.map { " in the partition '\($0)'" } ?? ""
      throw SystemError(.unsupported, "cannot use Slurm: it has no nodes\(place)")
    }
    return size
  }

  static func size(from text: String) -> Size {
    var size = Size(cpu: 0, memory: 0, nodes: 0)
    var names: Set<Substring> = []
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: "|")
      guard fields.count == 3, let cpu = Double(fields[1].prefix { $0.isNumber }),
        let memory = Int64(fields[2].prefix { $0.isNumber })
      else { continue }
      if names.insert(fields[0]).inserted { size.nodes += 1 }
      size.cpu = max(size.cpu, cpu)
      size.memory = max(size.memory, memory << 20)
    }
    return size
  }

  enum Submission: Hashable, Sendable {
    case accepted(id: String)
    /// The controller is away or overloaded: ask again.
    case notNow(String)
    case refused(String)
  }

  /// - Parameters:
  ///   - command: for the shell on the node.
  ///   - shunning: nodes that it shall not come to.
  func submit(
    name: String, cpu: Int, memoryMebibytes: Int64, folder: ByteString, log: ByteString, command: String,
    shunning: [String] = []
  ) -> Submission {
    var words = [
      "sbatch", "--parsable", "--job-name=\(name)", "--nodes=1", "--ntasks=1", "--cpus-per-task=\(cpu)",
      "--mem=\(memoryMebibytes)M", "--no-requeue", "--open-mode=append", "--output=\(log.display)",
      "--chdir=\(folder.display)",
    ]
    if let partition = options.partition { words.append("--partition=\(partition)") }
    if let account = options.account { words.append("--account=\(account)") }
    if let qos = options.qos { words.append("--qos=\(qos)") }
    if let time = options.time { words.append("--time=\(time)") }
    if !shunning.isEmpty { words.append("--exclude=\(shunning.joined(separator: ","))") }
    words += options.arguments
    words.append("--wrap=\(command)")
    let result = run(words)
    if result.status == 0 {
      // `ID` or `ID;CLUSTER`.
      let id = result.output.prefix { $0.isNumber }
      return id.isEmpty ? .refused("sbatch said '\(result.output)', which is no job") : .accepted(id: String(id))
    }
    return Self.isTemporary(result.error) || result.hasTimedOut
      ? .notNow(Self.complaint(result.error))
      : .refused(Self.complaint(result.error))
  }

  static func isTemporary(_ message: String) -> Bool {
    let signs = [
      "contact", "timed out", "timeout", "Socket", "socket", "emporar", "Connection", "connect", "try again",
      "later", "Zero Bytes", "Slurm backup controller", "Resource temporarily",
    ]
    return signs.contains { message.contains($0) }
  }

  /// All jobs that the controller remembers; nil where it does not answer.
  func jobs() -> [JobState]? {
    let result = run(["scontrol", "-o", "show", "job"])
    guard result.status == 0 else { return nil }
    return JobState.parse(result.output)
  }

  /// - Returns: whether the controller took it.
  @discardableResult
  func cancel(_ ids: [String]) -> Bool {
    ids.isEmpty || run(["scancel", "--quiet"] + ids).status == 0
  }

  // MARK: Commands

  struct Result: Hashable, Sendable {
    var status: Int32
    var output: String
    var error: String
    var hasTimedOut = false
  }

  /// Runs a command found on the caller's path, in a process group of its own, so that Ctrl-C is not for it.
  func run(_ given: [String]) -> Result {
    let words = [folder.map { "\($0)/\(given[0])" } ?? given[0]] + given.dropFirst()
    var output: [Int32] = [-1, -1]
    var error: [Int32] = [-1, -1]
    guard Self.pipe(&output) else { return Result(status: -1, output: "", error: "no pipe") }
    guard Self.pipe(&error) else {
      close(output[0])
      close(output[1])
      return Result(status: -1, output: "", error: "no pipe")
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output[1], 1)
    posix_spawn_file_actions_adddup2(&actions, error[1], 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    posix_spawnattr_setpgroup(&attributes, 0)
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    var child = pid_t()
    let failure = posix_spawnp(&child, words[0], &actions, &attributes, &arguments, Glibc.environ)
    close(output[1])
    close(error[1])
    defer {
      close(output[0])
      close(error[0])
    }
    guard failure == 0 else {
      return Result(status: 127, output: "", error: "cannot start \(words[0]): \(String(cString: strerror(failure)))")
    }
    let (texts, isLate) = collect([output[0], error[0]])
    if isLate { kill(-child, SIGKILL) }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    return Result(
      status: isLate ? -1 : code, output: Self.trimmed(texts[0]),
      error: isLate ? "\(words[0]) did not come back" : Self.trimmed(texts[1]), hasTimedOut: isLate)
  }

  /// Nobody else starts processes here that could inherit an end, but for the spawner, which was started before.
  private static func pipe(_ ends: inout [Int32]) -> Bool {
    guard Glibc.pipe(&ends) == 0 else { return false }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return true
  }

  /// Reads pipes to their ends, or until the time is over.
  private func collect(_ pipes: [Int32]) -> (texts: [[UInt8]], isLate: Bool) {
    var texts = [[UInt8]](repeating: [], count: pipes.count)
    var polled = pipes.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    var rest = commandSeconds
    while polled.contains(where: { $0.fd >= 0 }) {
      let slice = 0.5
      let count = poll(&polled, nfds_t(polled.count), Int32(slice * 1000))
      if count == 0 {
        rest -= slice
        if rest <= 0 { return (texts, true) }
      }
      for index in polled.indices where polled[index].fd >= 0 && polled[index].revents != 0 {
        let count = read(polled[index].fd, &buffer, buffer.count)
        if count > 0 { texts[index] += buffer[..<count] } else if count == 0 || errno != EINTR { polled[index].fd = -1 }
      }
    }
    return (texts, false)
  }

  private static func trimmed(_ bytes: [UInt8]) -> String {
    var text = Substring(String(decoding: bytes, as: UTF8.self))
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }

  /// The last complaint of a command, which says most, without the command's name in front.
  static func complaint(_ text: String) -> String {
    let lines = text.split(whereSeparator: \.isNewline).map { line in
      ["sbatch: ", "sinfo: ", "error: ", "fatal: ", "Batch job submission failed: "].reduce(line) {
        $0.hasPrefix($1) ? $0.dropFirst($1.count) : $0
      }
    }
    return lines.filter { !$0.hasPrefix("Try \"") }.last.map(String.init) ?? ""
  }
}
