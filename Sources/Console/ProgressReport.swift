import BuildGraph
import Diagnostics
package import Ports

/// Tells a person how a build goes: a living line on a terminal, plain lines elsewhere, failures at once and again at the end.
package final class ProgressReport: EventSink {
  package enum Verbosity: Hashable, Sendable { case quiet, normal, verbose }

  package struct Options: Hashable, Sendable {
    package var style: Style
    package var verbosity: Verbosity
    /// Columns of the terminal, or nil where there is none: then nothing is ever overwritten.
    package var width: Int?
    /// Say for each step why it runs.
    package var explains: Bool
    /// The word before the counts: `build`, `dry run` …
    package var verb: String

    package init(style: Style, verbosity: Verbosity, width: Int?, explains: Bool, verb: String) {
      self.style = style
      self.verbosity = verbosity
      self.width = width
      self.explains = explains
      self.verb = verb
    }
  }

  private struct Running {
    let label: String
    let since: Double
  }

  private let options: Options
  private let clock: any Clock
  private let write: (String) -> Void
  private let writeResult: (String) -> Void
  private var planned = 0
  private var finished = 0
  /// Seconds, as far as known.
  private var remaining: Double?
  private var failures: [BuildEvent.StepEnd] = []
  private var running: [(step: String, state: Running)] = []
  private var lastDrawn = -Double.infinity
  private var hasStatusLine = false
  private var hasSaidWatching = false

  /// - Parameters:
  ///   - write: Gets text for standard error.
  ///   - writeResult: Gets what the program prints, for standard output.
  package init(
    options: Options, clock: any Clock, write: @escaping (String) -> Void, writeResult: @escaping (String) -> Void
  ) {
    self.options = options
    self.clock = clock
    self.write = write
    self.writeResult = writeResult
  }

  package func receive(_ event: BuildEvent) {
    let style = options.style
    switch event {
    case .buildStarted:
      // A watch has many builds.
      (planned, finished, failures, running) = (0, 0, [], [])
      remaining = nil
    case .planned(let steps):
      planned = steps
      drawStatus()
    case .remaining(let seconds, _):
      remaining = seconds
      drawStatus()
    case .stepStarted(let step, let label, let reason):
      running.append((step, Running(label: label, since: clock.monotonic)))
      if options.explains || options.verbosity == .verbose {
        line("\(style.good("run")) \(label)\(reason.isEmpty ? "" : style.quiet(" (\(reason))"))")
      }
      drawStatus()
    case .stepFinished(let end):
      running.removeAll { $0.step == end.step }
      finished += 1
      if end.status == .failed {
        failures.append(end)
        line(failureText(end), atAnyVerbosity: true)
      } else if end.status == .cached, options.verbosity == .verbose {
        line("\(style.quiet("unchanged")) \(end.label)")
      } else if let message = end.message {
        line("\(style.notable("note:")) \(end.label): \(message)")
      }
      drawStatus()
    case .wouldRun(_, let label, let reason):
      line("would run \(label)\(reason.isEmpty ? "" : style.quiet(" (\(reason))"))")
    case .explained(_, let label, let lines):
      // What was hashed, entry by entry: for who really wants to know.
      guard options.verbosity == .verbose else { break }
      line(([label] + lines).joined(separator: "\n    "))
    case .outputWritten(let path):
      if options.verbosity == .verbose { line("wrote \(path.display)") }
    case .outputRemoved(let path):
      if options.verbosity == .verbose || options.explains { line("removed \(path.display)") }
    case .outputDisplaced(let path, let place):
      line(
        "\(style.notable("warning:")) \(path.display) was edited after it was built; moved to \(place.display)",
        atAnyVerbosity: true)
    case .diagnostic(let diagnostic):
      // That all is well is of no interest to who wants to know what is wrong.
      if options.verbosity == .quiet, diagnostic.id == "build.determinism" { return }
      let text = DiagnosticRenderer(style: style).render(diagnostic)
      line(String(text.dropLast()), atAnyVerbosity: true)
    case .printed(let text):
      clearStatus()
      writeResult(text + "\n")
    case .buildFinished(let summary):
      finish(summary)
    case .changed(let paths, let others):
      let names = paths.map(\.display).joined(separator: ", ")
      line("\(style.quiet("changed:")) \(names)\(others > 0 ? " and \(others) more" : "")")
    case .watching(let folders):
      waitForChanges(in: folders)
    }
  }

  /// On a terminal a living line says that nothing is amiss; elsewhere one line, once.
  private func waitForChanges(in folders: Int) {
    let text = "watching \(folders == 1 ? "1 folder" : "\(folders) folders")"
    if let width = options.width, options.verbosity != .quiet {
      write("\r\u{1B}[K" + options.style.quiet(String("\(text); Ctrl-C ends".prefix(max(1, width - 1)))))
      hasStatusLine = true
    } else if !hasSaidWatching {
      line(text)
    }
    hasSaidWatching = true
  }

  private func finish(_ summary: BuildEvent.Summary) {
    clearStatus()
    let style = options.style
    if failures.count > 1 {
      line("\(style.bad("failed:")) \(failures.map(\.label).joined(separator: ", "))", atAnyVerbosity: true)
    }
    let counts =
      "\(summary.steps) \(summary.steps == 1 ? "step" : "steps"), \(summary.run) run, \(summary.cached) unchanged, "
      + "\(summary.failed) failed (\(Self.seconds(summary.seconds)))"
    switch summary.status {
    // What comes of the change is said next.
    case .overtaken: return
    case .succeeded: line("\(options.verb): \(counts)")
    case .failed, .invalid, .refused: line("\(style.bad("\(options.verb) failed:")) \(counts)", atAnyVerbosity: true)
    case .interrupted: line("\(style.notable("\(options.verb) interrupted:")) \(counts)", atAnyVerbosity: true)
    }
  }

  private func failureText(_ end: BuildEvent.StepEnd) -> String {
    var text = "\(options.style.bad("failed:")) \(end.label): \(end.message ?? "exit status \(end.exitCode ?? 1)")"
    let tail = String(decoding: end.logTail.bytes, as: UTF8.self)
    for logLine in tail.split(separator: "\n", omittingEmptySubsequences: false).suffix(20) where !logLine.isEmpty {
      text += "\n  | \(logLine)"
    }
    if !end.logTail.isEmpty { text += "\n  = see the whole log with: reflow log \(end.step)" }
    return text
  }

  private func line(_ text: String, atAnyVerbosity: Bool = false) {
    guard atAnyVerbosity || options.verbosity != .quiet else { return }
    clearStatus()
    write(text + "\n")
  }

  /// At most ten frames a second, so that a build of ten thousand short steps does not spend its time on drawing.
  private func drawStatus() {
    guard let width = options.width, options.verbosity != .quiet else { return }
    let now = clock.monotonic
    guard now - lastDrawn >= 0.1 else { return }
    lastDrawn = now
    var text = "[\(finished)/\(max(planned, finished))]"
    if let first = running.first {
      text += " \(first.state.label)"
      let seconds = Int(now - first.state.since)
      if seconds > 0 { text += " \(seconds)s" }
      if running.count > 1 { text += " and \(running.count - 1) more" }
    }
    if !failures.isEmpty { text += ", \(failures.count) failed" }
    if let remaining, remaining >= 1 { text += ", about \(Self.seconds(remaining.rounded(.up))) left" }
    write("\r\u{1B}[K" + String(text.prefix(max(1, width - 1))))
    hasStatusLine = true
  }

  /// Takes the living line away, for others who write on the terminal.
  package func clearStatus() {
    guard hasStatusLine else { return }
    write("\r\u{1B}[K")
    hasStatusLine = false
  }

  /// `0.31 s`, `2 min 5 s`: what a person wants to read.
  package static func seconds(_ seconds: Double) -> String {
    if seconds >= 60 { return "\(Int(seconds) / 60) min \(Int(seconds) % 60) s" }
    let hundredths = Int((seconds * 100).rounded())
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) s"
  }
}

/// Hands each event to several sinks, in order.
package final class EventFanout: EventSink {
  private let sinks: [any EventSink]

  package init(_ sinks: [any EventSink]) { self.sinks = sinks }

  package func receive(_ event: BuildEvent) {
    for sink in sinks { sink.receive(event) }
  }
}
