import ArgumentParser
import Diagnostics

/// How the tool ends. Documented in reflow(1); distinct for each kind of failure.
enum ExitStatus: Int32 {
  case done = 0
  /// A step or a test failed.
  case stepFailed = 1
  /// Bad usage, program or configuration; an input that cannot be had.
  case badInput = 2
  /// The state or the file system refused: disk full, permissions, locked.
  case refused = 3
  case interrupted = 130

  /// For leaving a command early: everything has been said already.
  var exitCode: ExitCode { ExitCode(rawValue) }
}

extension SystemError {
  /// A missing or unfit input is the user's to mend (2); everything else is the machine's (3).
  var exitStatus: ExitStatus {
    switch code {
    case .notFound, .wrongKind: .badInput
    case _: .refused
    }
  }
}
