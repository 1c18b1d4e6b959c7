import BuildGraph
import Diagnostics
package import Ports

/// Tells a person how a build goes: living lines on a terminal, plain lines elsewhere, failures at once and again at the end.
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
    /// The output tree as people call it, where it should be named when all was made for the first time.
    package var outputs: String?
    /// Whether a build that failed ends with its counts.
    package var saysSummary = true

    package init(
      style: Style, verbosity: Verbosity, width: Int?, explains: Bool, verb: String, outputs: String? = nil
    ) {
      self.outputs = outputs
      self.style = style
      self.verbosity = verbosity
      self.width = width
      self.explains = explains
      self.verb = verb
    }
  }

  struct Running {
    let step: String
    let label: String
    let since: Double
  }

  struct Remaining {
    var seconds: Double
    /// All steps, those that have ended among them.
    var total: Int
  }

  let options: Options
  let clock: any Clock
  private let write: (String) -> Void
  private let writeResult: (String) -> Void
  private let size: () -> TerminalSize?
  private let history: () -> [String: Double]
  private let isInput: (String) -> Bool

  // What is known of the build that is at work.
  private(set) var planned = 0
  private(set) var finished = 0
  private(set) var failures: [BuildEvent.StepEnd] = []
  private(set) var running: [Running] = []
  private(set) var startedAt: Double?
  /// The most steps that ran at once.
  private(set) var lanes = 0
  /// What lies ahead, as last said.
  private(set) var remaining: Remaining?
  /// What steps took before; nil until a build takes long enough for somebody to want to know.
  private(set) var usual: UsualTimes?
  /// Whether something else was said after the first failure.
  private var hasMovedOn = false
  private var hasToldOfInputs = false

  private var lines = LiveLines()
  private var lastDrawn = -Double.infinity
  private var hasSaidWatching = false

  /// Frames a second, at most, so that a build of ten thousand short steps does not spend its time on drawing.
  private static let frameSeconds = 0.1
  /// A build that is over sooner does not ask what steps took before.
  private static let historySeconds = 1.0

  /// - Parameters:
  ///   - size: Of the terminal, asked for each frame; nil to take it for as wide as the options say.
  ///   - history: Seconds of the last good run of each label; asked for once, in a build that takes long enough.
  ///   - isInput: Whether there is a file or folder of this name that a step could have declared.
  ///   - write: Gets text for standard error.
  ///   - writeResult: Gets what the program prints, for standard output.
  package init(
    options: Options, clock: any Clock, size: (() -> TerminalSize?)? = nil,
    history: @escaping () -> [String: Double] = { [:] }, isInput: @escaping (String) -> Bool = { _ in false },
    write: @escaping (String) -> Void,
    writeResult: @escaping (String) -> Void
  ) {
    self.options = options
    self.clock = clock
    self.size = size ?? { options.width.map { TerminalSize(columns: $0, rows: 24) } }
    self.history = history
    self.isInput = isInput
    self.write = write
    self.writeResult = writeResult
  }

  package func receive(_ event: BuildEvent) {
    let style = options.style
    switch event {
    case .buildStarted:
      // A watch has many builds.
      (planned, finished, failures, running, lanes) = (0, 0, [], [], 0)
      (remaining, usual, startedAt, hasMovedOn, hasToldOfInputs) = (nil, nil, clock.monotonic, false, false)
    case .planned(let steps):
      planned = steps
      drawStatus()
    case .remaining(let seconds, let steps):
      remaining = Remaining(seconds: seconds, total: finished + steps)
      drawStatus()
    case .stepStarted(let step, let label, let reason):
      running.append(Running(step: step, label: label, since: clock.monotonic))
      lanes = max(lanes, running.count)
      if options.explains || options.verbosity == .verbose {
        line("\(style.good("run")) \(label)\(reason.isEmpty ? "" : style.quiet(" (\(reason))"))")
      }
      drawStatus()
    case .stepFinished(let end):
      running.removeAll { $0.step == end.step }
      finished += 1
      if end.status == .failed {
        let hadMovedOn = hasMovedOn && !failures.isEmpty
        failures.append(end)
        line(failureText(end, lines: 20) + hint(for: end), atAnyVerbosity: true)
        hasMovedOn = hadMovedOn
      } else if end.status == .cached, options.verbosity == .verbose {
        line("\(style.quiet("unchanged")) \(end.label)")
      } else if let message = end.message {
        line("\(style.notable("note:")) \(end.label): \(message)")
      }
      drawStatus()
    case .wouldRun(_, let label, let reason):
      line("would run \(label)\(reason.isEmpty ? "" : style.quiet(" (\(reason))"))")
    case .wouldPublish(let path, let change):
      line("would \(change.rawValue) \(path.display)\(change == .restore ? style.quiet(" (it was edited)") : "")")
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
      if options.verbosity != .verbose, diagnostic.id == "table.kept" { return }
      let text = DiagnosticRenderer(style: style).render(diagnostic)
      let hadMovedOn = hasMovedOn
      line(String(text.dropLast()), atAnyVerbosity: true)
      // That is a part of what a failure comes to.
      if diagnostic.id == "build.stale-output" { hasMovedOn = hadMovedOn }
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

  package func tick() {
    guard options.width != nil, options.verbosity != .quiet, let startedAt else { return }
    if usual == nil, clock.monotonic - startedAt >= Self.historySeconds { usual = UsualTimes(history()) }
    drawStatus()
  }

  // MARK: Lines

  /// On a terminal a living line says that nothing is amiss; elsewhere one line, once.
  private func waitForChanges(in folders: Int) {
    let text = "watching \(folders == 1 ? "1 folder" : "\(folders) folders")"
    if let size = size(), options.width != nil, options.verbosity != .quiet {
      let shown = "\(text); Ctrl-C ends"
      write(lines.frame([(shown, options.style.quiet(shown))], columns: size.columns))
    } else if !hasSaidWatching {
      line(text)
    }
    hasSaidWatching = true
  }

  func line(_ text: String, atAnyVerbosity: Bool = false) {
    guard atAnyVerbosity || options.verbosity != .quiet else { return }
    hasMovedOn = true
    guard lines.isThere, let size = size() else { return write(text + "\n") }
    var frame = lines.erasure(columns: size.columns) + text + "\n"
    // One write for both, so that the living lines only move down; in a burst of lines they wait for the next frame.
    let now = clock.monotonic
    if startedAt != nil, now - lastDrawn >= Self.frameSeconds {
      lastDrawn = now
      frame += lines.frame(status(size, now), columns: size.columns)
    }
    write(frame)
  }

  private func drawStatus() {
    guard options.width != nil, options.verbosity != .quiet, startedAt != nil else { return }
    let now = clock.monotonic
    guard now - lastDrawn >= Self.frameSeconds, let size = size() else { return }
    lastDrawn = now
    write(lines.frame(status(size, now), columns: size.columns))
  }

  /// Takes the living lines away, for others who write on the terminal.
  package func clearStatus() {
    guard lines.isThere else { return }
    write(lines.erasure(columns: size()?.columns ?? options.width ?? 80))
  }

  // MARK: The end

  private func finish(_ summary: BuildEvent.Summary) {
    clearStatus()
    startedAt = nil
    let style = options.style
    // What has just been said need not be said again.
    if failures.count > Self.shortStory || hasMovedOn {
      for text in recapitulation { line(text, atAnyVerbosity: true) }
    }
    let counts =
      "\(summary.steps) \(summary.steps == 1 ? "step" : "steps"), \(summary.run) run, \(summary.cached) unchanged, "
      + "\(summary.failed) failed (\(Self.seconds(summary.seconds)))"
    guard options.saysSummary else { return }
    // It ended before anything was known of its steps.
    let hasCounts = summary.steps > 0 || summary.status == .succeeded
    switch summary.status {
    // What comes of the change is said next.
    case .overtaken: return
    case .succeeded: line("\(options.verb): \(counts)")
    case .failed, .invalid, .refused:
      let text = hasCounts ? ": \(counts)" : " (\(Self.seconds(summary.seconds)))"
      line(style.bad("\(options.verb) failed") + text, atAnyVerbosity: true)
    case .interrupted: line("\(style.notable("\(options.verb) interrupted:")) \(counts)", atAnyVerbosity: true)
    }
    for hint in hints(summary) { line(style.quiet("  = \(hint)"), atAnyVerbosity: summary.status != .succeeded) }
  }

  /// So many failures in a row are still on the screen when the build is over.
  private static let shortStory = 4

  /// Failures with the end of their logs, for who comes back to a long build.
  private var recapitulation: [String] {
    let shown = failures.count > 6 ? 5 : failures.count
    var texts = failures.prefix(shown).map { failureText($0, lines: 3) }
    if failures.count > shown {
      let names = failures.dropFirst(shown).prefix(20).map(\.label).joined(separator: ", ")
      let more = failures.count - shown - 20
      texts.append("\(options.style.bad("failed:")) \(names)\(more > 0 ? " and \(more) more" : "")")
    }
    return texts
  }

  /// What can be done next.
  private func hints(_ summary: BuildEvent.Summary) -> [String] {
    switch summary.status {
    case .failed where !failures.isEmpty:
      let untried = summary.steps - summary.run - summary.cached - summary.failed
      let rest = untried == 1 ? "1 step was" : "\(untried) steps were"
      return untried > 0 ? ["\(rest) not tried; what is done is kept, and the next build goes on from there"] : []
    case .interrupted where summary.run + summary.cached > 0:
      return ["what is done is kept: the same command goes on from there"]
    case .succeeded:
      guard options.width != nil, let outputs = options.outputs, summary.run > 0, summary.run == summary.steps else {
        return []
      }
      return ["the outputs are in \(outputs); 'reflow why' says where each comes from"]
    case .failed, .interrupted, .invalid, .refused, .overtaken: return []
    }
  }

  private func failureText(_ end: BuildEvent.StepEnd, lines count: Int) -> String {
    var text = "\(options.style.bad("failed:")) \(end.label): \(end.message ?? "exit status \(end.exitCode ?? 1)")"
    let tail = String(decoding: end.logTail.bytes, as: UTF8.self).split(whereSeparator: \.isNewline).suffix(count)
    for logLine in tail { text += "\n  | \(Self.visible(logLine))" }
    if !end.logTail.isEmpty { text += "\n  = see the whole log with: reflow log \(end.step)" }
    return text
  }

  /// What nearly everybody stumbles over at first, below the log of a failure.
  private func hint(for end: BuildEvent.StepEnd) -> String {
    let tail = String(decoding: end.logTail.bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
    if let path = undeclared(tail) {
      return
        "\n  = '\(path)' is there, but the step does not declare it: write {{file(\"\(path)\")}} in its command"
    }
    if tail.isEmpty, end.exitCode ?? 0 != 0 {
      return "\n  = it printed nothing; what it had written into its outputs is not kept"
    }
    if tail.contains(where: { line in Self.networkWords.contains { line.contains($0) } }) {
      return "\n  = a step has no network unless it asks for it: exec(network := true)"
    }
    // What is true of all steps is said once.
    guard !hasToldOfInputs, tail.contains(where: { $0.contains("No such file or directory") }) else { return "" }
    hasToldOfInputs = true
    return "\n  = a step sees no files but those that stand between {{ }} in its command, as file(…) or dir(…)"
  }

  private static let networkWords = [
    "Could not resolve host", "Temporary failure in name resolution", "Network is unreachable", "unable to resolve",
  ]

  /// A file that the step looked for in vain and could have had.
  private func undeclared(_ log: some Sequence<Substring>) -> String? {
    for line in log where line.contains("No such file or directory") {
      for word in line.split(whereSeparator: { " '\"`:,()[]‘’".contains($0) }) {
        let path = String(word)
        // A path as the step sees it, or one that no program could name.
        let isForeign = path.hasPrefix("/") || path.hasPrefix(".") || path.hasPrefix("in/") || path.hasPrefix("out/")
        if !isForeign, isInput(path) { return path }
      }
    }
    return nil
  }

  /// What a step prints must not move the cursor, nor change colours: only what is to be seen is shown.
  private static func visible(_ text: Substring) -> String {
    var shown = ""
    var scalars = text.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      if scalar == "\u{1B}" {
        // `ESC [ … letter`
        guard scalars.first == "[" else { continue }
        scalars.removeFirst()
        while let next = scalars.popFirst(), !(0x40...0x7E).contains(next.value) {}
      } else if scalar == "\t"
        || (scalar.value >= 0x20 && scalar.value != 0x7F && !(0x80..<0xA0).contains(scalar.value))
      {
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }

  /// `0.31 s`, `2 min 5 s`: what a person wants to read.
  package static func seconds(_ seconds: Double) -> String {
    if seconds >= 60 { return "\(Int(seconds) / 60) min \(Int(seconds) % 60) s" }
    let hundredths = Int((seconds * 100).rounded())
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) s"
  }
}
