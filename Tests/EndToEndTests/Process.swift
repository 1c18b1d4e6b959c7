import Foundation
import Glibc

/// A length of sleep by which a process can be found, which no other run of these tests has.
func markedSeconds(_ number: Int) -> String { "\(number)\(getpid())" }

/// Held while a file is written and while a process is started: a child that is just being made has all open files, and who watches one
/// would hear of its closing once more, at any later time.
let openFiles = NSLock()

/// How a process ended and what it said.
struct Execution {
  /// The exit status; 128 + the signal where one ended it.
  var status: Int32
  var output: String
  var errors: String
}

/// A started process, leader of a group of its own, with its output in files: a child that it leaves behind cannot keep
/// a test waiting on a pipe.
final class RunningProcess {
  let id: pid_t
  private let outputPath: String
  private let errorsPath: String

  /// The files of output.
  var logs: [String] { [outputPath, errorsPath] }

  private var ended: Int32?

  struct SpawnFailure: Error { var command: [String], code: Int32 }

  /// - Parameter logs: A folder for the files of output; not the one that the process works in.
  init(_ command: [String], in folder: String, environment: [String: String], logs: String) throws {
    let name = logs + "/" + UUID().uuidString
    outputPath = name + ".out"
    errorsPath = name + ".err"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errorsPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    // The threads that tests run on block signals, and whoever runs the tests in the background may have us ignore Ctrl-C: the
    // command must inherit neither.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGINT)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    // Swift's Glibc shows no file action that changes the folder; `env -C` goes there and becomes the command.
    var arguments = (["env", "-C", folder] + command).map { strdup($0) } + [nil]
    var variables = environment.map { strdup($0.key + "=" + $0.value) } + [nil]
    defer { for pointer in arguments + variables { free(pointer) } }
    var child = pid_t()
    let failure = openFiles.withLock { posix_spawnp(&child, "env", &actions, &attributes, &arguments, &variables) }
    guard failure == 0 else { throw SpawnFailure(command: command, code: failure) }
    id = child
  }

  /// Sends a signal to the process and all of its group, as a terminal does.
  func signalGroup(_ signal: Int32) { kill(-id, signal) }

  /// Sends a signal to the process alone.
  func signal(_ signal: Int32) { kill(id, signal) }

  /// What it has said so far on standard error.
  var errorsSoFar: String { Self.text(errorsPath) }

  /// Waits, at most so long that only a hang can exceed it; then kills the group, which shows as status 137.
  func wait(limit seconds: Int = 120) -> Execution {
    if !wait(limit: seconds, until: { false }) {
      signalGroup(SIGKILL)
      _ = wait(limit: seconds, until: { false })
    }
    return Execution(status: ended ?? -1, output: Self.text(outputPath), errors: Self.text(errorsPath))
  }

  /// Waits until something holds or the process has ended, at most so long that only a hang can exceed it.
  ///
  /// - Returns: False only where the time ran out.
  @discardableResult
  func wait(limit seconds: Int = 60, until condition: () -> Bool) -> Bool {
    for _ in 0..<(seconds * 500) {
      var status: Int32 = 0
      if ended != nil || condition() { return true }
      if waitpid(id, &status, WNOHANG) == id {
        ended = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return true
      }
      usleep(2000)
    }
    return false
  }

  deinit {
    guard ended == nil else { return }
    signalGroup(SIGKILL)
    waitpid(id, nil, 0)
  }

  private static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }
}
