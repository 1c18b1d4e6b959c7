@preconcurrency import Glibc

/// One finished run of a command: the figures that a benchmark compares.
struct ChildRun {
  var wallSeconds: Double
  var cpuSeconds: Double
  var peakKibibytes: Int
  var status: Int32
}

enum ChildProcess {
  /// Runs a command to its end with its output thrown away.
  ///
  /// Peak memory is the largest single process of the command's tree, and never less than our own: keep this process small.
  static func run(_ arguments: [String], in folder: String, environment: [String: String] = [:]) -> ChildRun {
    for (name, value) in environment { setenv(name, value, 1) }
    let start = monotonicSeconds()
    let child = Self.start(arguments, in: folder)
    var status: Int32 = 0
    var usage = rusage()
    while wait4(child, &status, 0, &usage) < 0 && errno == EINTR {}
    let wall = monotonicSeconds() - start
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return ChildRun(
      wallSeconds: wall, cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
      peakKibibytes: Int(usage.ru_maxrss), status: status)
  }

  /// Kills a process that ``start(_:in:)`` gave, and waits for its end.
  static func kill(_ child: pid_t) {
    Glibc.kill(child, SIGKILL)
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
  }

  /// Starts a command with its output thrown away.
  static func start(_ arguments: [String], in folder: String) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    argv.append(nil)
    defer { for pointer in argv { free(pointer) } }
    precondition(chdir(folder) == 0, "cannot enter \(folder)")
    var child: pid_t = 0
    let failure = posix_spawnp(&child, arguments[0], &actions, nil, argv, Glibc.environ)
    precondition(failure == 0, "cannot start \(arguments[0]): \(String(cString: strerror(failure)))")
    return child
  }

  static func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// Folders and files that a benchmark makes below one folder of its own.
enum Scratch {
  static func write(_ text: String, to path: String) {
    guard let file = fopen(path, "w") else { preconditionFailure("cannot write \(path)") }
    fputs(text, file)
    fclose(file)
  }

  static func read(_ path: String) -> String { String(decoding: bytes(path), as: UTF8.self) }

  static func bytes(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { preconditionFailure("cannot read \(path)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  static func makeFolder(_ path: String) {
    precondition(mkdir(path, 0o777) == 0 || errno == EEXIST, "cannot make \(path)")
  }

  static func removeAll(_ path: String) {
    _ = ChildProcess.run(["rm", "-rf", path], in: "/")
  }

  static func has(_ command: String) -> Bool {
    ChildProcess.run(["sh", "-c", "command -v \(command)"], in: "/").status == 0
  }
}
